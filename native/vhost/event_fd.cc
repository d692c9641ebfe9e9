#include "vhost/event_fd.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

namespace tsvde::vhost {

// An anonymous inode has no file type. AT_STATX_DONT_SYNC: a FUSE file system, which may be a program of the
// peer, must not be asked.
bool is_eventfd(int fd) {
  struct statx status {};
  if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &status) < 0) return false;
  return (status.stx_mode & S_IFMT) == 0;
}

void signal_eventfd(int fd) {
  pollfd polled{fd, POLLOUT, 0};
  if (poll(&polled, 1, 0) == 1 && (polled.revents & POLLOUT) != 0) eventfd_write(fd, 1);
}

}  // namespace tsvde::vhost
