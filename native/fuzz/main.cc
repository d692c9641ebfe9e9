// libFuzzer's entry to the only target of this program.
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "engine/fd.h"
#include "fuzz/target.h"

namespace {

// Descriptors that the code forgets to close would run out.
void check_open_files() {
  static size_t runs = 0;
  static size_t first = 0;
  if (++runs % 1024 != 1) return;
  size_t count = 0;
  for (int fd = 0; fd < 256; fd++) count += fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
  if (first == 0) first = count;
  tsvde::fuzz::require(count <= first + 8, "every descriptor is closed");
}

}  // namespace

// Moves the fuzzer to a network of its own, where the system allows that, so that thousands of connections a
// second do not use up the host's ports.
extern "C" int LLVMFuzzerInitialize(int* /* argc */, char*** /* argv */) {
  if (unshare(CLONE_NEWNET) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) return 0;
  const tsvde::Fd any(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq loopback{};
  std::memcpy(loopback.ifr_name, "lo", sizeof "lo");
  loopback.ifr_flags = IFF_UP;
  ioctl(any.number(), SIOCSIFFLAGS, &loopback);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  check_open_files();
  tsvde::fuzz::Input input(data, size);
  tsvde::fuzz::targets().front().run(input);
  return 0;
}
