#include "engine/endpoints/datagram.h"

#include <cerrno>

namespace tsvde {
namespace {

// The headers of one call. All connected sockets of the loop thread share them, since only the parts change
// from call to call.
std::array<mmsghdr, kBatch>& headers() {
  static thread_local std::array<mmsghdr, kBatch> headers{};
  return headers;
}

}  // namespace

Datagram::Datagram(Fd fd, SendBuffer buffer) : fd_(std::move(fd)) {
  watch({.fd = this->fd(), .frames = EPOLLIN, .room = EPOLLOUT});
  if (buffer == SendBuffer::kLarge) {
    int given = 0;
    socklen_t size = sizeof given;
    getsockopt(this->fd(), SOL_SOCKET, SO_SNDBUF, &given, &size);
    if (given >= static_cast<int>(buffer)) return;
  }
  // The kernel doubles the value, which is at most net.core.wmem_max, by default 208 KiB.
  const int half = static_cast<int>(buffer) / 2;
  setsockopt(this->fd(), SOL_SOCKET, SO_SNDBUF, &half, sizeof half);
}

Moved Datagram::receive(std::span<Frame> frames, Time) {
  auto& messages = headers();
  for (size_t i = 0; i < frames.size(); i++) {
    messages[i].msg_hdr.msg_iov = frames[i].parts.data();
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  // With MSG_TRUNC, msg_len is the true size of a truncated datagram, which is then dropped as too long.
  const int count = recvmmsg(fd(), messages.data(), static_cast<unsigned>(frames.size()),
                             MSG_DONTWAIT | MSG_TRUNC, nullptr);
  if (count < 0) return {0, errno};
  for (int i = 0; i < count; i++) frames[i].parts[0].iov_len = messages[i].msg_len;
  return {static_cast<uint32_t>(count), 0};
}

Moved Datagram::send(std::span<Frame* const> frames, Time) {
  auto& messages = headers();
  for (size_t i = 0; i < frames.size(); i++) {
    messages[i].msg_hdr.msg_iov = frames[i]->parts.data();
    messages[i].msg_hdr.msg_iovlen = frames[i]->part_count;
  }
  const int count =
      sendmmsg(fd(), messages.data(), static_cast<unsigned>(frames.size()), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (count < 0) return {0, errno};
  return {static_cast<uint32_t>(count), 0};
}

}  // namespace tsvde
