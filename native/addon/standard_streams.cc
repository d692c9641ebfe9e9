// stdin, stdout and stderr as they were when the addon was loaded: before JavaScript opens a stream on one,
// and libuv makes it non-blocking for everybody who shares it.
#include <fcntl.h>

#include <array>

#include "addon/addon.h"

static const std::array<int, 3> standard_flags = {fcntl(0, F_GETFL), fcntl(1, F_GETFL), fcntl(2, F_GETFL)};

void restore_blocking() {
  for (int fd = 0; fd < 3; fd++) {
    if (standard_flags[fd] >= 0) fcntl(fd, F_SETFL, standard_flags[fd]);
  }
}
