#include "engine/endpoints/addressed.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>

namespace tsvde {
namespace {

// The headers of one call, shared by all unconnected sockets of the loop thread.
struct Batch {
  std::array<mmsghdr, kBatch> headers;
  std::array<sockaddr_storage, kBatch> senders;
};

Batch& batch() {
  static thread_local Batch batch{};
  return batch;
}

// Receives a batch, keeps the frames for whose sender `wanted` returns true, and adds the number of other
// frames to `others`.
template <typename Wanted>
Moved receive_from(int fd, std::span<Frame> frames, uint64_t& others, Wanted wanted) {
  auto& [headers, senders] = batch();
  for (size_t i = 0; i < frames.size(); i++) {
    headers[i].msg_hdr = {};
    headers[i].msg_hdr.msg_name = &senders[i];
    headers[i].msg_hdr.msg_namelen = sizeof senders[i];
    headers[i].msg_hdr.msg_iov = frames[i].parts.data();
    headers[i].msg_hdr.msg_iovlen = 1;
  }
  const int count =
      recvmmsg(fd, headers.data(), static_cast<unsigned>(frames.size()), MSG_DONTWAIT | MSG_TRUNC, nullptr);
  if (count < 0) return {0, errno};
  uint32_t kept = 0;
  for (int i = 0; i < count; i++) {
    if (!wanted(senders[i], headers[i].msg_hdr.msg_namelen)) continue;
    frames[kept].parts[0] = {frames[i].parts[0].iov_base, headers[i].msg_len};
    kept++;
  }
  const uint32_t dropped = static_cast<uint32_t>(count) - kept;
  others += dropped;
  return {kept, 0, dropped};
}

Moved send_to(int fd, std::span<Frame* const> frames, const Address* to) {
  auto& headers = batch().headers;
  for (size_t i = 0; i < frames.size(); i++) {
    headers[i].msg_hdr = {};
    if (to != nullptr) {
      headers[i].msg_hdr.msg_name = const_cast<sockaddr_storage*>(&to->bytes);
      headers[i].msg_hdr.msg_namelen = to->size;
    }
    headers[i].msg_hdr.msg_iov = frames[i]->parts.data();
    headers[i].msg_hdr.msg_iovlen = frames[i]->part_count;
  }
  const int count =
      sendmmsg(fd, headers.data(), static_cast<unsigned>(frames.size()), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (count < 0) return {0, errno};
  return {static_cast<uint32_t>(count), 0};
}

template <typename T>
const T& as(const sockaddr_storage& bytes) {
  return reinterpret_cast<const T&>(bytes);
}

}  // namespace

bool Address::is(const sockaddr_storage& other, socklen_t other_size) const {
  if (other_size != size || other.ss_family != bytes.ss_family) return false;
  switch (bytes.ss_family) {
    case AF_INET: {
      const auto& mine = as<sockaddr_in>(bytes);
      const auto& theirs = as<sockaddr_in>(other);
      return mine.sin_port == theirs.sin_port && mine.sin_addr.s_addr == theirs.sin_addr.s_addr;
    }
    case AF_INET6: {
      const auto& mine = as<sockaddr_in6>(bytes);
      const auto& theirs = as<sockaddr_in6>(other);
      return mine.sin6_port == theirs.sin6_port && IN6_ARE_ADDR_EQUAL(&mine.sin6_addr, &theirs.sin6_addr);
    }
    default:
      return std::memcmp(&bytes, &other, size) == 0;
  }
}

Peer::Peer(Fd fd, const Address& peer, std::vector<Address> also)
    : fd_(std::move(fd)), peer_(peer), also_(std::move(also)) {
  if (peer.bytes.ss_family == AF_UNIX)
    probe_ = opened(socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket");
  watch({.fd = fd_.number(), .frames = EPOLLIN, .room = EPOLLOUT});
}

Moved Peer::receive(std::span<Frame> frames, Time) {
  return receive_from(fd_.number(), frames, counter(receive_drop_stranger),
                      [this](const sockaddr_storage& sender, socklen_t size) {
                        const auto same = [&](const Address& name) { return name.is(sender, size); };
                        return same(peer_) || std::ranges::any_of(also_, same);
                      });
}

Moved Peer::send(std::span<Frame* const> frames, Time) {
  Moved moved = send_to(fd_.number(), frames, &peer_);
  if (moved.error == EAGAIN && probe_.number() >= 0) moved.error = find_what_is_full();
  return moved;
}

// Finds out whether the peer's queue or our own send buffer is full. Returns EAGAIN, or the error that makes
// sending impossible.
int Peer::find_what_is_full() {
  pollfd own{.fd = fd_.number(), .events = POLLOUT, .revents = 0};
  wait_for(poll(&own, 1, 0) == 1);
  if (!queue_full_) return EAGAIN;
  // Connect each time: a peer that has restarted has a new socket under the same path.
  if (connect(probe_.number(), reinterpret_cast<const sockaddr*>(&peer_.bytes), peer_.size) == 0)
    return EAGAIN;
  // EPERM: the peer's socket is connected to ours, so the probe may not connect to it. The kernel does not
  // limit how many of our datagrams a connected peer queues, so what filled up was our own send buffer, and
  // poll() has just reported room in it.
  if (errno != EPERM) return errno;
  wait_for(false);
  return EAGAIN;
}

void Peer::wait_for(bool queue_full) {
  if (queue_full == queue_full_) return;
  queue_full_ = queue_full;
  watch({.fd = fd_.number(), .frames = EPOLLIN, .room = queue_full ? 0u : EPOLLOUT});
  watch({.fd = probe_.number(), .room = queue_full ? EPOLLOUT : 0u});
}

// A peer may restart while its old socket stays open and unread, in a child or a stopped process. The new
// socket has room, but the probe is still connected to the old one and would never report that room. So the
// probe is disconnected: an unconnected probe is writable, which makes the switch try to send again. Once a
// second is often enough.
void Peer::recheck(Time now) {
  if (!queue_full_ || now < recheck_due_) return;
  recheck_due_ = now + kSecond;
  constexpr sockaddr kNobody{.sa_family = AF_UNSPEC, .sa_data = {}};
  (void)connect(probe_.number(), &kNobody, sizeof kNobody);
}

Multicast::Multicast(Fd fd, Fd sender) : fd_(std::move(fd)), sender_(std::move(sender)) {
  watch({.fd = fd_.number(), .frames = EPOLLIN});
  watch({.fd = sender_.number(), .room = EPOLLOUT});
  own_.size = sizeof own_.bytes;
  getsockname(sender_.number(), reinterpret_cast<sockaddr*>(&own_.bytes), &own_.size);
}

Moved Multicast::receive(std::span<Frame> frames, Time) {
  return receive_from(
      fd_.number(), frames, counter(receive_drop_own_echo),
      [this](const sockaddr_storage& sender, socklen_t size) { return !own_.is(sender, size); });
}

Moved Multicast::send(std::span<Frame* const> frames, Time) {
  return send_to(sender_.number(), frames, nullptr);
}

}  // namespace tsvde
