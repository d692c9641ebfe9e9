// A VDE client with a network interface, like a guest's network card but with as little work as possible.
// When the switch is full, the client waits, as TCP in a guest would, and drops nothing.
// Usage: plug DIRECTORY NAME
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include <thread>

#include "bench/client.h"

int main(int argc, char** argv) {
  if (argc != 3) {
    fprintf(stderr, "plug DIRECTORY NAME\n");
    return 2;
  }
  const int tap = open("/dev/net/tun", O_RDWR);
  if (tap < 0) fail("/dev/net/tun");
  ifreq request{};
  request.ifr_flags = IFF_TAP | IFF_NO_PI;
  strncpy(request.ifr_name, argv[2], IFNAMSIZ - 1);
  const Client client(argv[1], 1);
  if (ioctl(tap, TUNSETIFF, &request) < 0) fail("TUNSETIFF");

  std::thread out([&] {
    std::vector<uint8_t> frame(65536);
    for (;;) {
      const ssize_t size = read(tap, frame.data(), frame.size());
      if (size > 0 && send(client.fd(), frame.data(), static_cast<size_t>(size), 0) < 0) fail("send");
    }
  });
  Messages in(65536);
  for (;;) {
    const int count = recvmmsg(client.fd(), in.headers.data(), kBatch, MSG_WAITFORONE, nullptr);
    if (count < 0) fail("recvmmsg");
    for (int i = 0; i < count; i++) {
      const auto at = static_cast<unsigned>(i);
      // An interface that is not up yet refuses frames with EIO.
      if (write(tap, in.frame(at), in.headers[at].msg_len) < 0 && errno != EIO) fail("write");
    }
  }
}
