// The framing of QEMU's stream sockets, in both directions. The input chooses the bytes on the wire, where
// they are split, and how many frames are asked for at a time.
#include "engine/endpoints/stream.h"

#include <fcntl.h>
#include <sys/socket.h>

#include "fuzz/target.h"

using namespace tsvde;
using namespace tsvde::fuzz;

namespace {

using Bytes = std::vector<uint8_t>;

constexpr size_t kPrefix = 4;
constexpr uint32_t kLongest = 4096 + 65536;
constexpr uint32_t kSlots = 8;

Bytes prefix_of(uint32_t length) {
  return {static_cast<uint8_t>(length >> 24), static_cast<uint8_t>(length >> 16),
          static_cast<uint8_t>(length >> 8), static_cast<uint8_t>(length)};
}

void append(Bytes& to, const Bytes& bytes) {
  to.insert(to.end(), bytes.begin(), bytes.end());
}

class World {
 public:
  explicit World(Input& input) : input_(input), reads_everything_(input.one_in(2)) {
    int ends[2];
    require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0, "a socket pair");
    peer_ = Fd(ends[1]);
    if (input.one_in(2)) {
      constexpr int kSmall = 2048;  // so small that a long frame is sent in parts
      setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &kSmall, sizeof kSmall);
    }
    stream_ = std::make_unique<Stream>(Fd(ends[0]));
  }

  void step() {
    switch (input_.below(8)) {
      case 0:
        append(wire_, input_.bytes(input_.below(64)));
        break;
      case 1:
        append_frame(input_.one_in(2) ? kFramePadded - 4 + input_.below(8) : input_.below(100));
        break;
      case 2:
        append_frame(input_.next<uint16_t>() % (input_.one_in(4) ? 65536 : 3000));
        break;
      case 3:  // lengths around the longest
        if (input_.one_in(4)) append_frame(kLongest - 2 + input_.below(6));
        break;
      case 4:
      case 5:
        deliver(input_.one_in(4) ? input_.next<uint16_t>() : input_.byte());
        receive();
        break;
      case 6:
        send();
        break;
      case 7:
        read(input_.next<uint16_t>());
        break;
    }
  }

  // The peer ends in the middle of whatever it was doing.
  void end() {
    while (delivered_ < wire_.size()) {
      const size_t before = delivered_;
      deliver(wire_.size());
      receive();
      if (delivered_ == before) break;
    }
    if (reads_everything_) read_everything();
    const bool unread = sent_.size() > read_;
    peer_ = Fd();
    const int expected = is_bad() ? EBADMSG : EPIPE;
    const int error = receive_all();
    require(error == expected || (unread && error == ECONNRESET), "the end of the peer is the end");
    require(stream_->ends_with(error), "an end is final");
  }

 private:
  void append_frame(uint32_t length) {
    if (wire_.size() > 300'000) return;
    append(wire_, prefix_of(length));
    const auto first = input_.byte();
    for (uint32_t i = 0; i < length; i++) wire_.push_back(static_cast<uint8_t>(first + i * 7));
  }

  // Passes the next bytes of the wire to the socket.
  void deliver(size_t most) {
    const size_t size = std::min(most, wire_.size() - delivered_);
    if (size == 0) return;
    const ssize_t taken = ::send(peer_.number(), &wire_[delivered_], size, MSG_NOSIGNAL);
    if (taken > 0) delivered_ += static_cast<size_t>(taken);
  }

  // The oracle: what follows frame `at` in the bytes that were delivered.
  struct Next {
    bool is_known, is_bad;
    uint32_t length;
  };
  [[nodiscard]] Next next() const {
    if (delivered_ - at_ < kPrefix) return {false, false, 0};
    uint32_t length = 0;
    for (size_t i = 0; i < kPrefix; i++) length = length << 8 | wire_[at_ + i];
    if (length > kLongest) return {false, true, length};
    return {delivered_ - at_ - kPrefix >= length, false, length};
  }
  [[nodiscard]] bool is_bad() const { return next().is_bad; }

  // Receives until there is nothing more, and compares each frame with the oracle. Returns the error.
  int receive_all() {
    static Bytes memory(kSlots * kFrameRoom);
    const uint32_t slots = 1 + input_.below(kSlots);
    for (;;) {
      std::array<Frame, kSlots> frames;
      for (uint32_t i = 0; i < slots; i++) frames[i].parts[0] = {&memory[i * kFrameRoom], kFrameRoom};
      const auto [count, error, dropped] = stream_->receive(std::span(frames).first(slots), 0);
      require(count <= slots && dropped == 0, "at most as many frames as asked for");
      for (Frame& frame : std::span(frames).first(count)) {
        const Next expected = next();
        require(expected.is_known && frame.size() == expected.length,
                "a frame is as long as its prefix says");
        require(
            expected.length == 0 || std::memcmp(frame.data(), &wire_[at_ + kPrefix], expected.length) == 0,
            "a frame has the bytes that follow its prefix");
        at_ += kPrefix + expected.length;
        frame.pad();  // as the switch does; the zeroes must not overwrite the next frame
      }
      require(error == 0 || !next().is_known, "no frame is left behind");
      require(error != EBADMSG || is_bad(), "only a bad length is a bad message");
      if (error != 0) return error;
    }
  }

  void receive() {
    if (ended_) return;
    const int error = receive_all();
    require(error == (is_bad() ? EBADMSG : EAGAIN), "a bad length ends the endpoint, and nothing else does");
    require(stream_->buffered() == is_bad(), "nothing but a bad length is buffered");
    ended_ = error == EBADMSG;
  }

  void send() {
    std::array<Frame, 4> frames;
    std::array<Frame*, 4> pointers;
    std::array<Bytes, 4> bytes;
    const uint32_t count = input_.below(5);
    for (uint32_t i = 0; i < count; i++) {
      const size_t size = 14 + (input_.one_in(8) ? input_.next<uint16_t>() % 60'000 : input_.byte());
      bytes[i].resize(size);
      for (size_t at = 0; at < size; at++) bytes[i][at] = static_cast<uint8_t>(serial_ + at * 3);
      serial_ += 17;
      const size_t first = std::min<size_t>(12 + input_.below(4), size);  // in two parts, like a view
      frames[i].parts = {iovec{bytes[i].data(), first}, iovec{bytes[i].data() + first, size - first},
                         iovec{}};
      frames[i].part_count = 2;
      pointers[i] = &frames[i];
    }
    const auto [moved, error, _] = stream_->send(std::span(pointers).first(count), 0);
    require(moved <= count, "at most the given frames are sent");
    require(moved == count || error != 0, "all frames are sent, or there is an error");
    require(error == 0 || error == EAGAIN, "only room may be missing");
    for (uint32_t i = 0; i < moved; i++) {
      append(sent_, prefix_of(static_cast<uint32_t>(bytes[i].size())));
      append(sent_, bytes[i]);
    }
  }

  // The peer reads, and gets what was sent, in order.
  bool read(size_t most) {
    Bytes room(most);
    const ssize_t size = recv(peer_.number(), room.data(), room.size(), MSG_DONTWAIT);
    if (size <= 0) return false;
    const auto got = static_cast<size_t>(size);
    require(got <= sent_.size() - read_ && std::memcmp(room.data(), &sent_[read_], got) == 0,
            "the peer reads what was sent");
    read_ += got;
    return true;
  }

  // The rest of a frame that was sent in part follows without another frame.
  void read_everything() {
    for (;;) {
      while (read(70'000)) continue;
      const int error = stream_->send({}, 0).error;
      require(error == 0 || error == EAGAIN, "only room may be missing");
      if (!read(70'000) && error == 0) break;
    }
    require(read_ == sent_.size(), "everything that was sent arrives");
  }

  Input& input_;
  const bool reads_everything_;
  Fd peer_;
  std::unique_ptr<Stream> stream_;
  Bytes wire_;
  size_t delivered_ = 0;  // bytes of the wire in the socket
  size_t at_ = 0;         // where the next frame begins
  bool ended_ = false;
  Bytes sent_;  // by the stream
  size_t read_ = 0;
  uint32_t serial_ = 0;
};

}  // namespace

FUZZ_TARGET(stream) {
  World world(input);
  while (!input.empty()) world.step();
  world.end();
}
