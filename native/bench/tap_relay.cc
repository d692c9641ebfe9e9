// The upper bound on the speed of any program that moves frames between interfaces. This program writes each
// frame from one TAP to the other unchanged, unsegmented and with its virtio-net header. Usage: tap_relay
// NAME NAME
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace {

int open_tap(const char* name) {
  const int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
  ifreq request{};
  request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
  snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
  if (ioctl(fd, TUNSETIFF, &request) < 0 ||
      ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN) < 0) {
    perror(name);
    exit(1);
  }
  return fd;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  static std::array<uint8_t, 65536 + 1600> frame;
  std::array<pollfd, 2> taps{};
  for (size_t i = 0; i < 2; i++) taps[i] = {.fd = open_tap(argv[i + 1]), .events = POLLIN, .revents = 0};
  while (poll(taps.data(), taps.size(), -1) > 0) {
    for (size_t i = 0; i < 2; i++) {
      if ((taps[i].revents & POLLIN) == 0) continue;
      const ssize_t size = read(taps[i].fd, frame.data(), frame.size());
      if (size > 0 && write(taps[1 - i].fd, frame.data(), static_cast<size_t>(size)) < 0) perror("write");
    }
  }
}
