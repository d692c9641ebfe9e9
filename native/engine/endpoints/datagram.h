// A connected datagram socket. Each datagram is a frame, as for VDE clients, the plug into
// another switch and the user-mode network. QEMU's dgram is in addressed.h.
#pragma once

#include <sys/socket.h>

#include <array>

#include "engine/endpoint.h"

namespace tsvde {

class Datagram final : public Endpoint {
 public:
  explicit Datagram(Fd fd);
  [[nodiscard]] int fd() const { return fd_.number(); }

  Moved receive(std::span<Frame> frames, Time now) override;
  Moved send(std::span<Frame* const> frames, Time now) override;

 private:
  Fd fd_;
};

}  // namespace tsvde
