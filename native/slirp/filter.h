// Selects the frames that are for the stack. libslirp does not check destinations: it would answer frames
// that guests send to each other, as well as all multicast and broadcast frames, and forward them to the
// host.
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

  // `size` is the true size of the frame. If it exceeds the buffer, `bytes` is only the frame's beginning.
  [[nodiscard]] Verdict judge(std::span<const uint8_t> bytes, size_t size) const;

 private:
  [[nodiscard]] bool wants(std::span<const uint8_t> bytes) const;

  size_t longest_;
  std::vector<Mac> own_;  // the MAC addresses of the stack's few IP addresses, including those of guestfwd
};

}  // namespace tsvde::slirp
