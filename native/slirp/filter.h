// Selects the frames that are for the stack. libslirp does not look at destinations: it would answer, and
// pass on to the host, frames between guests and every multicast and broadcast frame.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "slirp/config.h"
#include "slirp/packet.h"

namespace tsvde::slirp {

enum class Verdict : uint8_t { pass, too_short, too_long, not_for_us };

class Filter {
 public:
  explicit Filter(const Config& config);

  // `size` is the frame's own size; `bytes` is only its beginning if it exceeds the buffer.
  [[nodiscard]] Verdict judge(std::span<const uint8_t> bytes, size_t size) const;

 private:
  [[nodiscard]] bool wants(std::span<const uint8_t> bytes) const;

  size_t longest_;
  std::vector<Mac> own_;  // few: libslirp's aliases and the addresses of guestfwd
};

}  // namespace tsvde::slirp
