// Which of the switch's frames are the stack's to see. libslirp looks at no destination: it would answer, and
// pass on to the host, what one guest says to another, and every multicast and broadcast there is.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "slirp/config.h"

namespace tsvde::slirp {

using Mac = std::array<uint8_t, 6>;

enum class Verdict : uint8_t { pass, too_short, too_long, not_for_us };

class Filter {
 public:
  explicit Filter(const Config& config);

  // `size` is the frame's true one; of a longer frame than our room `bytes` is the beginning.
  [[nodiscard]] Verdict judge(std::span<const uint8_t> bytes, size_t size) const;

 private:
  [[nodiscard]] bool wants(std::span<const uint8_t> bytes) const;

  size_t longest_;
  std::vector<Mac> own_;  // few: the aliases and the places of guestfwd
};

}  // namespace tsvde::slirp
