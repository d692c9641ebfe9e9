// Sends bytes together with descriptors over a unix socket, as a front end of vhost-user does.
#pragma once

#include <sys/socket.h>

#include <cstring>
#include <span>
#include <vector>

namespace tsvde::test {

// Returns what sendmsg(2) returns. Never raises SIGPIPE.
inline ssize_t send_with_files(int fd, const void* bytes, size_t size, std::span<const int> files,
                               int flags = 0) {
  std::vector<char> control(files.empty() ? 0 : CMSG_SPACE(files.size_bytes()));
  iovec part{const_cast<void*>(bytes), size};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (!files.empty()) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(files.size_bytes());
    std::memcpy(CMSG_DATA(header), files.data(), files.size_bytes());
  }
  return sendmsg(fd, &message, flags | MSG_NOSIGNAL);
}

}  // namespace tsvde::test
