// Endpoints whose sockets are not connected to their peer: unix, UDP, and a group that echoes. The peer
// reads, stops reading, connects, closes and starts again; strangers send in between. Only the peer's
// datagrams are frames, and only the peer gets ours.
#include "engine/endpoints/addressed.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/un.h>

#include <deque>
#include <memory>

#include "fuzz/target.h"

using namespace tsvde;
using namespace tsvde::fuzz;

namespace {

using Bytes = std::vector<uint8_t>;

const sockaddr* any(const Address& address) {
  return reinterpret_cast<const sockaddr*>(&address.bytes);
}

Address own_name(const Fd& fd) {
  Address name;
  name.size = sizeof name.bytes;
  getsockname(fd.number(), reinterpret_cast<sockaddr*>(&name.bytes), &name.size);
  return name;
}

// An address for which the kernel chooses the name, or a port of 127.0.0.1.
Address unnamed(int family) {
  Address address;
  address.bytes.ss_family = static_cast<sa_family_t>(family);
  address.size = sizeof address.bytes.ss_family;
  if (family == AF_UNIX) return address;
  reinterpret_cast<sockaddr_in&>(address.bytes).sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.size = sizeof(sockaddr_in);
  return address;
}

Fd bound_socket(const Address& name) {
  Fd fd(socket(name.bytes.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  require(bind(fd.number(), any(name), name.size) == 0, "a bound socket");
  return fd;
}

// How many datagrams may be in flight over UDP, which loses what exceeds the receiver's buffer.
constexpr size_t kMost = 64;

enum class Kind { unix_peer, udp_peer, group };

class World {
 public:
  explicit World(Input& input)
      : input_(input),
        kind_(static_cast<Kind>(input.below(3))),
        family_(kind_ == Kind::unix_peer ? AF_UNIX : AF_INET) {
    Fd own = bound_socket(unnamed(family_));
    own_ = own_name(own);
    for (Fd& fd : senders_) fd = bound_socket(unnamed(family_));
    // It may have no name. Over UDP, the kernel would choose its port when it first sends, and could choose
    // that of a closed peer.
    if (family_ == AF_UNIX) senders_[3] = Fd(socket(family_, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    peer_ = own_name(senders_[0]);
    if (kind_ == Kind::group) {
      Fd sender(socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
      require(connect(sender.number(), any(own_), own_.size) == 0, "a connected socket");
      endpoint_ = std::make_unique<Multicast>(std::move(own), std::move(sender));
    } else {
      endpoint_ = std::make_unique<Peer>(std::move(own), peer_, std::vector{own_name(senders_[1])});
    }
    endpoint_->count_in(counters_);
  }

  void step() {
    const uint8_t what = input_.byte();
    switch (what % 8) {
      case 0:
      case 1:
        datagram(what / 8u % senders_.size(), input_.byte());
        break;
      case 2:
        receive(1 + what / 8u % kBatch);
        break;
      case 3:
        send(1 + what / 8u % 8);
        break;
      case 4:
        peer_reads(what / 8u);
        break;
      case 5:
        if (what / 8u % 4 == 0) restart();
        break;
      case 6:
        if (what / 8u % 8 == 0 && senders_[0].number() >= 0)
          is_connected_ |= connect(senders_[0].number(), any(own_), own_.size) == 0;
        break;
      default:
        now_ += input_.byte() * (kSecond / 64);
        endpoint_->recheck(now_);
    }
  }

  void end() {
    while (!incoming_.empty()) receive(kBatch);
    peer_reads(1000);
    if (kind_ != Kind::group && senders_[0].number() >= 0)
      require(outgoing_.empty(), "the peer gets every frame");
  }

 private:
  struct Datagram {
    Bytes bytes;
    bool is_wanted;
  };

  Bytes next_bytes(size_t size) {
    Bytes bytes(size);
    for (size_t i = 0; i < size; i++) bytes[i] = static_cast<uint8_t>(serial_ + i);
    serial_ += 13;
    return bytes;
  }

  // The peer, its other name, or a stranger sends.
  void datagram(size_t sender, size_t size) {
    if (senders_[sender].number() < 0 || (family_ == AF_INET && incoming_.size() > kMost)) return;
    const Bytes bytes = next_bytes(size);
    const ssize_t sent = sendto(senders_[sender].number(), bytes.data(), size, MSG_DONTWAIT | MSG_NOSIGNAL,
                                any(own_), own_.size);
    if (sent < 0) return;  // the queue is full
    incoming_.push_back({bytes, kind_ == Kind::group || sender < 2});
  }

  void receive(uint32_t slots) {
    static Bytes memory(size_t{kBatch} * 2048);
    std::array<Frame, kBatch> frames;
    for (uint32_t i = 0; i < slots; i++) frames[i].parts[0] = {&memory[i * size_t{2048}], 2048};
    if (family_ == AF_INET && !incoming_.empty()) {  // a datagram may take a moment
      pollfd ready{endpoint_->watches()[0].fd, POLLIN, 0};
      poll(&ready, 1, 1000);
    }
    const auto [kept, error, dropped] = endpoint_->receive(std::span(frames).first(slots), now_);
    require(error == 0 || (error == EAGAIN && incoming_.empty()), "what was sent can be received");
    require(kept + dropped <= slots, "no more than asked for");
    uint32_t next = 0;
    for (uint32_t i = 0; i < kept + dropped; i++) {
      require(!incoming_.empty(), "nothing is received that was not sent");
      const auto [bytes, is_wanted] = std::move(incoming_.front());
      incoming_.pop_front();
      if (!is_wanted) {
        unwanted_++;
        continue;
      }
      require(next < kept && frames[next].copy() == bytes, "the peer's datagrams are the frames, in order");
      next++;
    }
    require(next == kept, "nothing of a stranger is a frame");
    const Counter counter = kind_ == Kind::group ? receive_drop_own_echo : receive_drop_stranger;
    require(counters_[counter] == unwanted_, "what is dropped is counted");
  }

  void send(uint32_t count) {
    if (family_ == AF_INET && incoming_.size() + outgoing_.size() > kMost) return;
    std::array<Frame, 8> frames;
    std::array<Frame*, 8> pointers;
    std::array<Bytes, 8> bytes;
    for (uint32_t i = 0; i < count; i++) {
      bytes[i] = next_bytes(60 + input_.byte());
      frames[i].parts[0] = {bytes[i].data(), 12};
      frames[i].parts[1] = {&bytes[i][12], bytes[i].size() - 12};
      frames[i].part_count = 2;
      pointers[i] = &frames[i];
    }
    const auto [moved, error, _] = endpoint_->send(std::span(pointers).first(count), now_);
    require(moved <= count && (moved > 0 || error != 0), "frames are sent, or there is an error");
    require(error == 0 || error == EAGAIN || error == ECONNREFUSED, "room or the peer may be missing");
    for (uint32_t i = 0; i < moved; i++) {
      if (kind_ == Kind::group) {
        incoming_.push_back({bytes[i], false});
      } else if (senders_[0].number() >= 0) {
        outgoing_.push_back(bytes[i]);
      }
    }
    is_full_ = error == EAGAIN;
    // Otherwise the loop would try again without a pause. The exception is a peer that is connected to us.
    if (is_full_ && !is_connected_) require(!reports_room(), "an endpoint without room reports none");
  }

  void peer_reads(uint32_t most) {
    if (senders_[0].number() < 0) return;
    for (; most > 0 && !outgoing_.empty(); most--) {
      Bytes bytes(1000);
      if (family_ == AF_INET) {
        pollfd ready{senders_[0].number(), POLLIN, 0};
        poll(&ready, 1, 1000);
      }
      const ssize_t size = recv(senders_[0].number(), bytes.data(), bytes.size(), MSG_DONTWAIT);
      require(size >= 0, "a frame that was sent arrives");
      bytes.resize(static_cast<size_t>(size));
      require(bytes == outgoing_.front(), "the peer gets our frames, in order");
      outgoing_.pop_front();
    }
    if (outgoing_.empty() && is_full_) check_room();
  }

  // After the peer has read everything, a watch must say that there is room.
  void check_room() {
    require(reports_room(), "a peer that has read makes room");
    is_full_ = false;
  }

  [[nodiscard]] bool reports_room() const {
    bool room = false;
    for (const Watch& watch : endpoint_->watches()) {
      pollfd ready{watch.fd, POLLOUT, 0};
      room |= watch.room != 0 && poll(&ready, 1, 0) == 1;
    }
    return room;
  }

  // The peer closes its socket, or opens another by the same name.
  void restart() {
    outgoing_.clear();
    is_connected_ = false;
    senders_[0] = senders_[0].number() >= 0 ? Fd() : bound_socket(peer_);
  }

  Input& input_;
  const Kind kind_;
  const int family_;
  Address own_, peer_;
  std::array<Fd, 4> senders_;  // the peer, its other name, two strangers
  Counters counters_{};
  std::unique_ptr<Endpoint> endpoint_;
  std::deque<Datagram> incoming_;
  std::deque<Bytes> outgoing_;
  uint64_t unwanted_ = 0;
  bool is_full_ = false;
  bool is_connected_ = false;  // the peer to us
  Time now_ = kSecond;
  uint32_t serial_ = 0;
};

}  // namespace

FUZZ_TARGET(addressed) {
  World world(input);
  while (!input.empty()) world.step();
  world.end();
}
