// Sends and receives datagrams that contain an int and at most one descriptor (SCM_RIGHTS, unix(7)).
#pragma once

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "engine/fd.h"

namespace tsvde::slirp {

// Sends an int, and a descriptor if it is not -1. The caller keeps the descriptor. Returns whether that
// succeeded.
inline bool send_descriptor(int channel, int number, int fd) {
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof fd)] = {};
  iovec bytes = {.iov_base = &number, .iov_len = sizeof number};
  msghdr message{};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  if (fd >= 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof fd);
    std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
  }
  return sendmsg(channel, &message, MSG_NOSIGNAL) == sizeof number;
}

// Receives what send_descriptor() has sent. Returns false at the end of the channel, or with errno set after
// an error.
inline bool receive_descriptor(int channel, int& number, Fd& fd, int flags) {
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
  iovec bytes = {.iov_base = &number, .iov_len = sizeof number};
  msghdr message{};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  errno = 0;
  if (recvmsg(channel, &message, flags | MSG_CMSG_CLOEXEC) != sizeof number) return false;
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header == nullptr || header->cmsg_type != SCM_RIGHTS) return true;
  int received = -1;
  std::memcpy(&received, CMSG_DATA(header), sizeof received);
  fd = Fd(received);
  return true;
}

}  // namespace tsvde::slirp
