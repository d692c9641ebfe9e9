// A TAP interface: one read or write is one frame (Linux Documentation/networking/tuntap.rst), or with the
// virtio-net header a whole datagram of the kernel's that stands for several. The kernel checks no MTU on
// this side, so we do: a frame larger than the interface may carry is refused with EMSGSIZE.
#pragma once

#include "engine/endpoint.h"

namespace tsvde {

class Tap final : public Endpoint {
 public:
  // With offloads where the descriptor was opened with IFF_VNET_HDR, as many as the kernel has.
  explicit Tap(Fd fd);
  ~Tap() override;

  Moved receive(std::span<Frame> frames, Time now) override;
  Moved send(std::span<Frame* const> frames, Time now) override;

 private:
  [[nodiscard]] bool take_header() const;
  [[nodiscard]] Offloads take_offloads() const;
  [[nodiscard]] bool too_long(const Frame& frame) const;
  void refresh_mtu(Time now);

  Fd fd_;
  Fd control_;  // any socket: the ioctl that tells an MTU wants one
  uint32_t mtu_ = 1500;
  Time mtu_due_ = 0;  // when it is to be read again
  bool header_;       // a VirtioHeader stands before each frame
};

}  // namespace tsvde
