// A TAP interface: each read or write is a frame (Linux Documentation/networking/tuntap.rst) or, with the
// virtio-net header, a whole datagram that stands for several. The kernel does not check the MTU on this
// side. The endpoint does: it refuses a frame longer than that with EMSGSIZE.
#pragma once

#include "engine/endpoint.h"

namespace tsvde {

class Tap final : public Endpoint {
 public:
  // With as many offloads as the kernel has, if the descriptor was opened with IFF_VNET_HDR.
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
  Fd control_;  // any socket, for the ioctl that reads the MTU
  uint32_t mtu_ = 1500;
  Time mtu_due_ = 0;  // when the MTU is to be read again
  bool header_;       // a VirtioHeader precedes each frame
};

}  // namespace tsvde
