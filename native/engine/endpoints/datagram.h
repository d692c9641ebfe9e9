// A connected datagram socket. Each datagram is a frame, as for VDE clients, the plug into another switch and
// the user-mode network. QEMU's dgram is in addressed.h.
#pragma once

#include <sys/socket.h>

#include <array>

#include "engine/endpoint.h"

namespace tsvde {

class Datagram final : public Endpoint {
 public:
  // The most kernel memory, in bytes, for frames that the peer has not read. A batch of full-sized frames
  // fits into a small buffer, several into a large one.
  enum class SendBuffer : int { kSmall = 80 * 1024, kLarge = 416 * 1024 };

  // With kLarge, a socket keeps a larger buffer that it already has; kSmall also makes a buffer smaller.
  explicit Datagram(Fd fd, SendBuffer buffer = SendBuffer::kLarge);
  [[nodiscard]] int fd() const { return fd_.number(); }

  Moved receive(std::span<Frame> frames, Time now) override;
  Moved send(std::span<Frame* const> frames, Time now) override;

 private:
  Fd fd_;
};

}  // namespace tsvde
