// A TAP interface. Each read or write moves one frame (Linux Documentation/networking/tuntap.rst). With the
// virtio-net header, the frame may be an unsegmented datagram, which stands for several frames. The kernel
// does not check the MTU on this side, so the endpoint refuses frames that exceed the MTU, with EMSGSIZE.
#pragma once

#include "engine/endpoint.h"

namespace tsvde {

class Tap final : public Endpoint {
 public:
  // Enables all offloads that the kernel has, if the descriptor was opened with IFF_VNET_HDR.
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
  Fd control_;  // any socket; used for the ioctl that reads the MTU
  uint32_t mtu_ = 1500;
  Time mtu_due_ = 0;  // when to read the MTU again
  bool header_;       // a VirtioHeader precedes each frame
};

}  // namespace tsvde
