#include "engine/endpoints/tap.h"

#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>

namespace tsvde {

Tap::Tap(Fd fd) : Endpoint(std::move(fd)), control_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {}

Moved Tap::receive(std::span<Frame> frames) {
  for (uint32_t i = 0; i < frames.size(); i++) {
    const ssize_t size = ::read(fd(), frames[i].data(), frames[i].size());
    if (size < 0) return {i, i > 0 && errno == EAGAIN ? 0 : errno};
    frames[i].parts[0].iov_len = static_cast<size_t>(size);
  }
  return {static_cast<uint32_t>(frames.size()), 0};
}

Moved Tap::send(std::span<Frame* const> frames) {
  refresh_mtu();
  for (uint32_t i = 0; i < frames.size(); i++) {
    if (too_long(*frames[i])) return {i, EMSGSIZE};
    if (writev(fd(), frames[i]->parts.data(), static_cast<int>(frames[i]->part_count)) < 0) return {i, errno};
  }
  return {static_cast<uint32_t>(frames.size()), 0};
}

bool Tap::too_long(const Frame& frame) const {
  // An 802.1Q tag is not part of what an MTU limits. Where a frame has more parts, the second begins at the
  // EtherType.
  const auto* type =
      frame.part_count == 1 ? frame.data() + kTagAt : static_cast<uint8_t*>(frame.parts[1].iov_base);
  const bool tagged = (type[0] << 8 | type[1]) == kTpid;
  return frame.size() > mtu_ + kFrameHeader + (tagged ? kTagSize : 0);
}

// The MTU belongs to the administrator and changes under us; once a second is soon enough. By name each time,
// since the interface may be renamed; moved to another namespace it keeps the MTU last seen.
void Tap::refresh_mtu() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  if (now.tv_sec == mtu_read_at_) return;
  mtu_read_at_ = now.tv_sec;
  ifreq request{};
  if (ioctl(fd(), TUNGETIFF, &request) < 0) return;
  if (ioctl(control_.number(), SIOCGIFMTU, &request) == 0) mtu_ = static_cast<uint32_t>(request.ifr_mtu);
}

}  // namespace tsvde
