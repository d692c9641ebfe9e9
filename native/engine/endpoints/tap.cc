#include "engine/endpoints/tap.h"

#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <climits>

#include "engine/offload/virtio_header.h"

namespace tsvde {
namespace {

// TUN_F_USO4 and TUN_F_USO6, which exist since Linux 6.2; older kernel headers lack them.
constexpr unsigned kUso4 = 0x20;
constexpr unsigned kUso6 = 0x40;

}  // namespace

Tap::Tap(Fd fd)
    : fd_(std::move(fd)),
      control_(opened(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket")),
      header_(take_header()) {
  offloads_ = take_offloads();
  watch({.fd = fd_.number(), .frames = EPOLLIN, .room = EPOLLOUT});
}

// Clears the offloads. Otherwise an interface that outlives the endpoint would keep them, and a program that
// attaches to it next, without the header, would receive frames with incomplete checksums.
Tap::~Tap() {
  ioctl(fd_.number(), TUNSETOFFLOAD, 0);
}

bool Tap::take_header() const {
  ifreq request{};
  if (ioctl(fd_.number(), TUNGETIFF, &request) < 0 || (request.ifr_flags & IFF_VNET_HDR) == 0) return false;
  int size = sizeof(VirtioHeader);
  return ioctl(fd_.number(), TUNSETVNETHDRSZ, &size) == 0;
}

// Enables the offloads that the kernel accepts, and returns them. Without the header, clears offloads that
// another program has left.
Offloads Tap::take_offloads() const {
  constexpr unsigned kTcp = TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
  if (header_) {
    if (ioctl(fd_.number(), TUNSETOFFLOAD, TUN_F_CSUM | kTcp | kUso4 | kUso6) == 0) {
      return kCompletesChecksums | kSegmentsTcp | kSegmentsUdp;
    }
    if (ioctl(fd_.number(), TUNSETOFFLOAD, TUN_F_CSUM | kTcp) == 0) return kCompletesChecksums | kSegmentsTcp;
    if (ioctl(fd_.number(), TUNSETOFFLOAD, TUN_F_CSUM) == 0) return kCompletesChecksums;
  }
  ioctl(fd_.number(), TUNSETOFFLOAD, 0);
  return 0;
}

Moved Tap::receive(std::span<Frame> frames, Time) {
  uint32_t count = 0;
  uint32_t dropped = 0;
  uint32_t on_wire = 0;
  for (size_t read = 0; read < frames.size(); read++) {
    Frame& frame = frames[count];
    VirtioHeader header{};
    const iovec parts[2] = {{&header, sizeof header}, frame.parts[0]};
    const ssize_t size =
        header_ ? readv(fd_.number(), parts, 2) : ::read(fd_.number(), frame.data(), frame.size());
    if (size < 0) return {count, count > 0 && errno == EAGAIN ? 0 : errno, dropped};
    frame.parts[0].iov_len = static_cast<size_t>(size) - (header_ ? sizeof header : 0);
    if (!read_virtio_header(header, frame)) {
      frame.parts[0] = parts[1];
      frame.offload = {};
      counter(receive_drop_bad_offload)++;
      dropped++;
      continue;
    }
    count++;
    on_wire += frame.frames();
    // Stop if another datagram as large as this one would give the batch more than kBatch segments.
    if (on_wire + frame.frames() > kBatch) break;
  }
  return {count, 0, dropped};
}

Moved Tap::send(std::span<Frame* const> frames, Time now) {
  refresh_mtu(now);
  for (uint32_t i = 0; i < frames.size(); i++) {
    const Frame& frame = *frames[i];
    if (too_long(frame)) return {i, EMSGSIZE};
    VirtioHeader header = virtio_header(frame.offload);
    std::array<iovec, 2 + kBatch> parts;
    uint32_t count = 0;
    if (header_) parts[count++] = {&header, sizeof header};
    for (const iovec& part : frame.all_parts()) parts[count++] = part;
    if (writev(fd_.number(), parts.data(), static_cast<int>(count)) < 0) return {i, errno};
  }
  return {static_cast<uint32_t>(frames.size()), 0};
}

bool Tap::too_long(const Frame& frame) const {
  // The MTU does not include an 802.1Q tag. In a frame of several parts, either the second part begins at the
  // EtherType, or the first part has all headers.
  const iovec& first = frame.all_parts()[0];
  const auto* type = first.iov_len > kTagAt ? static_cast<uint8_t*>(first.iov_base) + kTagAt
                                            : static_cast<uint8_t*>(frame.all_parts()[1].iov_base);
  const bool tagged = (type[0] << 8 | type[1]) == kTpid;
  return frame.largest() > mtu_ + kFrameHeader + (tagged ? kTagSize : 0);
}

// Reads the MTU once a second, since the administrator may change it at any time. The interface is found by
// its current name, since it may be renamed. If it has moved to another namespace, the last known MTU stays
// in use.
void Tap::refresh_mtu(Time now) {
  if (now < mtu_due_) return;
  mtu_due_ = now + kSecond;
  ifreq request{};
  if (ioctl(fd_.number(), TUNGETIFF, &request) < 0) return;
  if (ioctl(control_.number(), SIOCGIFMTU, &request) == 0) mtu_ = static_cast<uint32_t>(request.ifr_mtu);
}

}  // namespace tsvde
