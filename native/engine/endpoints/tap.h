// A TAP interface: one read or write is one frame (Linux Documentation/networking/tuntap.rst). The kernel
// checks no MTU on this side, so we do: a frame larger than the interface may carry is refused with EMSGSIZE.
#pragma once

#include <ctime>

#include "engine/endpoint.h"

namespace tsvde {

class Tap final : public Endpoint {
 public:
  explicit Tap(Fd fd);

  Moved receive(std::span<Frame> frames) override;
  Moved send(std::span<Frame* const> frames) override;

 private:
  [[nodiscard]] bool too_long(const Frame& frame) const;
  void refresh_mtu();

  Fd control_;  // any socket: the ioctl that tells an MTU wants one
  uint32_t mtu_ = 1500;
  time_t mtu_read_at_ = -1;
};

}  // namespace tsvde
