#include "engine/endpoints/stream.h"

#include <poll.h>

#include "test/loops.h"

using namespace tsvde;
using namespace tsvde::test;

namespace {

struct Pair : SocketPair {
  explicit Pair(int send_buffer = 0) : SocketPair(SOCK_STREAM) {
    if (send_buffer > 0) setsockopt(ours.number(), SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof send_buffer);
  }
};
// A send buffer so small that only a part of a long frame is sent at first.
constexpr int kSmallBuffer = 2048;

void append(Bytes& wire, const Bytes& frame) {
  const auto size = static_cast<uint32_t>(frame.size());
  for (int shift = 24; shift >= 0; shift -= 8) wire.push_back(static_cast<uint8_t>(size >> shift));
  wire.insert(wire.end(), frame.begin(), frame.end());
}

void write_all(int fd, const uint8_t* bytes, size_t size) {
  while (size > 0) {
    const ssize_t sent = ::send(fd, bytes, size, MSG_NOSIGNAL);
    CHECK(sent > 0);
    if (sent <= 0) return;
    bytes += sent;
    size -= static_cast<size_t>(sent);
  }
}

Bytes read_exactly(int fd, size_t size) {
  Bytes bytes(size);
  for (size_t got = 0; got < size;) {
    const ssize_t more = recv(fd, &bytes[got], size - got, 0);
    CHECK(more > 0);
    if (more <= 0) return {};
    got += static_cast<size_t>(more);
  }
  return bytes;
}

// Slots for one call of receive(), as the loop has them.
struct Slots {
  Slots() : memory(kBatch * (kFrameMax + 1)), frames(kBatch) { empty(); }
  void empty() {
    for (size_t i = 0; i < frames.size(); i++)
      frames[i].parts[0] = {&memory[i * (kFrameMax + 1)], kFrameMax + 1};
  }
  Bytes memory;
  std::vector<Frame> frames;
};

// Receives everything that has arrived. Returns the error after the last frame, such as EAGAIN.
int receive_all(Stream& stream, std::vector<Bytes>& received, uint32_t slots = kBatch) {
  static Slots room;  // 2 MB
  for (;;) {
    const auto [count, error, _] = stream.receive(std::span(room.frames).first(slots), 0);
    for (uint32_t i = 0; i < count; i++) {
      received.push_back(room.frames[i].copy());
      if (room.frames[i].size() < kFramePadded)
        room.frames[i].pad();  // as the switch does; the zeroes must not overwrite the next frame
    }
    room.empty();
    if (error != 0) return error;
  }
}

const std::vector<Bytes>& some_frames() {
  static const std::vector<Bytes> frames = [] {
    std::vector<Bytes> all;
    for (const uint32_t size :
         {0u, 1u, 13u, 14u, 59u, 60u, 61u, 100u, 1514u, 9014u, 65535u, 65536u, 69632u, 14u})
      all.push_back(frame_bytes(kBroadcast, kA, size, static_cast<uint8_t>(size)));
    return all;
  }();
  return frames;
}

}  // namespace

TEST("frames are reassembled from a stream that is split at any byte") {
  std::vector<Bytes> sent;
  Bytes wire;
  for (const uint32_t size : {0u, 1u, 14u, 59u, 60u, 75u, 0u, 200u}) {
    sent.push_back(frame_bytes(kBroadcast, kA, size, static_cast<uint8_t>(size)));
    append(wire, sent.back());
  }
  const auto cuts = static_cast<size_t>(rounds(static_cast<int>(wire.size())));
  for (size_t i = 0; i <= cuts; i++) {
    const size_t cut = i * wire.size() / cuts;
    Pair pair;
    Stream stream(std::move(pair.ours));
    std::vector<Bytes> received;
    write_all(pair.theirs.number(), wire.data(), cut);
    CHECK(receive_all(stream, received) == EAGAIN);
    write_all(pair.theirs.number(), wire.data() + cut, wire.size() - cut);
    CHECK(receive_all(stream, received) == EAGAIN);
    CHECK(received == sent);
  }
}

TEST("frames are reassembled from single bytes and random pieces, with as few slots as one") {
  Bytes wire;
  for (const Bytes& frame : some_frames()) append(wire, frame);
  for (int round = 0; round < rounds(12); round++) {
    Pair pair;
    Stream stream(std::move(pair.ours));
    std::vector<Bytes> received;
    const uint32_t slots = round % 3 == 0 ? 1 : kBatch;
    for (size_t at = 0; at < wire.size();) {
      const size_t piece = round == 0 && at < 3000 ? 1 : 1 + random_below(round % 2 == 0 ? 3000 : 90000);
      const size_t size = std::min(piece, wire.size() - at);
      write_all(pair.theirs.number(), &wire[at], size);
      at += size;
      CHECK(receive_all(stream, received, slots) == EAGAIN);
    }
    CHECK(received == some_frames());
  }
}

TEST("an invalid length is an error, and an end within a frame is the end of the stream") {
  {
    Pair pair;
    Stream stream(std::move(pair.ours));
    Bytes wire;
    append(wire, frame_bytes(kBroadcast, kA, 60));
    // 69633, one byte more than the longest frame that QEMU sends.
    for (const uint8_t byte : {0x00, 0x01, 0x10, 0x01}) wire.push_back(byte);
    write_all(pair.theirs.number(), wire.data(), wire.size());
    Slots room;
    CHECK(stream.receive(room.frames, 0).frames == 1);
    CHECK(stream.buffered());
    const auto [count, error, _] = stream.receive(room.frames, 0);
    CHECK(count == 0 && error == EBADMSG);
  }
  {
    Pair pair;
    Stream stream(std::move(pair.ours));
    const Bytes half = {0, 0, 0, 60, 1, 2, 3};
    write_all(pair.theirs.number(), half.data(), half.size());
    pair.theirs = Fd();
    std::vector<Bytes> received;
    CHECK(receive_all(stream, received) == EPIPE);
    CHECK(received.empty());
  }
}

TEST("random bytes are received as frames or end the stream") {
  for (int round = 0; round < 200; round++) {
    Pair pair;
    Stream stream(std::move(pair.ours));
    Bytes noise(random_below(20000));
    // In odd rounds every byte is 0 or 1, so that many length prefixes are valid and reading goes past the
    // first frame.
    for (uint8_t& byte : noise) byte = static_cast<uint8_t>(random_below(round % 2 == 0 ? 256 : 2));
    write_all(pair.theirs.number(), noise.data(), noise.size());
    pair.theirs = Fd();
    std::vector<Bytes> received;
    const int error = receive_all(stream, received, 1 + random_below(kBatch));
    CHECK(error == EBADMSG || error == EPIPE);
    size_t total = 0;
    for (const Bytes& frame : received) total += 4 + frame.size();
    CHECK(total <= noise.size());
  }
}

TEST("a reader that reads in pieces gets each frame once and whole, whatever partial writes that takes") {
  for (int round = 0; round < 20; round++) {
    Pair pair(kSmallBuffer);
    Stream stream(std::move(pair.ours));
    Bytes wire;
    std::vector<Bytes> all;
    for (uint32_t i = 0; i < 200; i++) {
      all.push_back(frame_bytes(kBroadcast, kA, 60 + random_below(i % 20 == 0 ? 65000 : 1600),
                                static_cast<uint8_t>(i)));
      append(wire, all.back());
    }
    std::deque<Slot> slots;
    std::vector<Frame*> frames;
    for (const Bytes& bytes : all) frames.push_back(&slots.emplace_back(bytes).frame);
    Bytes read;
    size_t next = 0;
    bool rest = true;
    while (next < frames.size() || rest) {
      const size_t count = std::min<size_t>(kBatch, frames.size() - next);
      const auto [sent, error, _] = stream.send({frames.data() + next, count}, 0);
      CHECK(error == 0 || error == EAGAIN);
      next += sent;
      rest = error == EAGAIN;
      if (!rest) continue;
      const size_t wanted = std::min<size_t>(1 + random_below(5000), wire.size() - read.size());
      uint8_t piece[5000];
      const ssize_t got = recv(pair.theirs.number(), piece, wanted, 0);
      CHECK(got > 0);
      read.insert(read.end(), piece, piece + got);
    }
    const Bytes last = read_exactly(pair.theirs.number(), wire.size() - read.size());
    read.insert(read.end(), last.begin(), last.end());
    CHECK(read == wire);
  }
}

TEST("a tagged view, which has several parts, is sent as one frame") {
  Pair pair;
  Stream stream(std::move(pair.ours));
  Slot slot(frame_bytes(kBroadcast, kA, 60, 9));
  slot.frame.vlan = 5;
  Frame view;
  uint8_t tag[kTagSize];
  slot.frame.make_tagged_view(view, tag);
  Frame* frames[] = {&view};
  CHECK(stream.send(frames, 0).frames == 1);
  Bytes wire;
  append(wire, view.copy());
  CHECK(read_exactly(pair.theirs.number(), wire.size()) == wire);
}

namespace {

// A switch on its thread, with a stream on each port.
struct Streams {
  explicit Streams(uint32_t ports, int send_buffer = 0)
      : loop(100, [this](const Event& event) {
          if (event.kind == Event::Kind::endpoint_ended) failed = event.error;
        }) {
    loop.call([](Switch& sw, int64_t) { sw.hub = true; });
    for (uint32_t port = 1; port <= ports; port++) {
      Pair pair(send_buffer);
      loop.call([&](Switch& sw, int64_t) { sw.add_port(port); });
      CHECK(loop.attach(port, port, std::make_unique<Stream>(std::move(pair.ours)), 16) == 0);
      peers.push_back(std::move(pair.theirs));
    }
  }
  [[nodiscard]] uint64_t count(uint32_t port, Counter counter) { return test::count(loop, port, counter); }
  void send(uint32_t port, const Bytes& frame) {
    Bytes wire;
    append(wire, frame);
    write_all(peers[port - 1].number(), wire.data(), wire.size());
  }
  [[nodiscard]] Bytes receive(uint32_t port) {
    const Bytes prefix = read_exactly(peers[port - 1].number(), 4);
    if (prefix.empty()) return {};
    return read_exactly(peers[port - 1].number(),
                        prefix[0] << 24 | prefix[1] << 16 | prefix[2] << 8 | prefix[3]);
  }
  std::atomic<int> failed = 0;
  std::vector<Fd> peers;
  Loop loop;
};

}  // namespace

TEST("all frames of one read are received, even if they are more than a batch holds") {
  Streams streams(2);
  Bytes wire;
  constexpr uint32_t kCount = 3000;
  for (uint32_t i = 0; i < kCount; i++)
    append(wire, frame_bytes(kBroadcast, kA, 20, static_cast<uint8_t>(i)));
  std::thread writer([&] { write_all(streams.peers[0].number(), wire.data(), wire.size()); });
  uint32_t received = 0;
  // Port 2 may drop frames that its queue has no room for: the counters tell how many.
  pollfd ready{.fd = streams.peers[1].number(), .events = POLLIN, .revents = 0};
  const auto all = [&] { return received + streams.count(2, transmit_drop_queue_full) == kCount; };
  for (int silence = 0; silence < 100 && !all();) {
    if (poll(&ready, 1, 100) == 0) {
      silence++;
      continue;
    }
    CHECK(streams.receive(2).size() == 60);
    received++;
    silence = 0;
  }
  writer.join();
  CHECK(streams.count(1, receive_broadcast) == kCount);
  CHECK(all());
}

TEST(
    "a peer that does not read loses only its own frames, and later gets those that waited, whole and in "
    "order") {
  Streams streams(3);
  constexpr uint32_t kCount = 2000;
  for (uint32_t i = 0; i < kCount; i++) {
    Bytes frame = frame_bytes(kBroadcast, kA, 1500, static_cast<uint8_t>(i));
    frame[20] = static_cast<uint8_t>(i >> 8);
    streams.send(1, frame);
    CHECK(streams.receive(3) == frame);
  }
  CHECK(streams.count(2, queue_frames) == 16);
  const uint64_t taken = streams.count(2, transmit_broadcast);
  CHECK(taken + streams.count(2, transmit_drop_queue_full) == kCount);
  for (uint32_t i = 0; i < taken; i++) {
    const Bytes frame = streams.receive(2);
    CHECK(frame.size() == 1500 && frame[19] == static_cast<uint8_t>(i) &&
          frame[20] == static_cast<uint8_t>(i >> 8));
  }
  // A new frame arrives even if only the rest of a frame was waiting.
  const Bytes frame = frame_bytes(kBroadcast, kA, 60, 3);
  streams.send(1, frame);
  CHECK(streams.receive(2) == frame);
  CHECK(streams.count(2, queue_frames) == 0);
}

namespace {

// A stream that has no room after a thousand calls of send(), so that a loop that would send for ever ends.
class Bounded final : public Endpoint {
 public:
  explicit Bounded(Fd fd) : stream_(std::move(fd)) {}
  Moved receive(std::span<Frame> frames, Time now) override { return stream_.receive(frames, now); }
  Moved send(std::span<Frame* const> frames, Time now) override {
    return calls_++ < 1000 ? stream_.send(frames, now) : Moved{0, EAGAIN};
  }

 private:
  Stream stream_;
  int calls_ = 0;
};

}  // namespace

TEST("a peer that dies while the rest of a frame waits costs that frame and those behind it, and no more") {
  for (const uint32_t behind : {0u, 1u, 3u}) {
    Bench bench(1);
    bench.sw.hub = true;
    Pair pair(kSmallBuffer);
    Port& port = bench.sw.add_port(2);
    port.attachments.push_back(std::make_unique<Attachment>(
        port, 2, std::make_unique<Bounded>(std::move(pair.ours)), 8, bench.memory));
    bench.sw.update_active(port);
    const Attachment& attachment = *port.attachments[0];
    const Bytes frame = frame_bytes(kBroadcast, kA, 60'000);
    bench.send(1, {frame});
    CHECK(attachment.service.waiting && attachment.queue.empty());
    for (uint32_t i = 0; i < behind; i++) bench.send(1, {frame});
    pair.theirs = Fd();
    bench.drain(2);
    CHECK(!attachment.service.waiting && attachment.queue.frames() == 0 && attachment.queue.bytes() == 0);
    CHECK(bench.count(2, transmit_drop_peer_gone) == std::max(behind, 1u));
    bench.send(1, {frame});
    CHECK(!attachment.service.waiting && bench.count(2, transmit_drop_peer_gone) == std::max(behind, 1u) + 1);
  }
}

TEST("a peer that dies while the rest of a frame waits does not stop the switch") {
  Streams streams(3, kSmallBuffer);
  const Bytes frame = frame_bytes(kBroadcast, kA, 60'000);
  streams.send(1, frame);
  CHECK(streams.receive(3) == frame);
  streams.loop.call([](Switch& sw, int64_t) {
    const Attachment& attachment = *sw.port(2)->attachments[0];
    CHECK(attachment.service.waiting && attachment.queue.empty());
  });
  streams.peers[1] = Fd();
  while (streams.failed == 0) std::this_thread::yield();
  streams.send(1, frame);
  CHECK(streams.receive(3) == frame);
}

TEST("an invalid length ends the stream and is counted; an end is not an error") {
  Streams streams(2);
  const Bytes wrong = {0xff, 0xff, 0xff, 0xff};
  write_all(streams.peers[0].number(), wrong.data(), wrong.size());
  while (streams.failed == 0) std::this_thread::yield();
  CHECK(streams.failed == EBADMSG);
  CHECK(streams.count(1, receive_drop_bad_length) == 1);
  streams.failed = 0;
  streams.peers[1] = Fd();
  while (streams.failed == 0) std::this_thread::yield();
  CHECK(streams.failed == EPIPE);
  CHECK(streams.count(2, receive_drop_error) == 0);
}
