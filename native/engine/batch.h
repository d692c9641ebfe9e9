// How many frames one call receives or sends.
#pragma once

#include <algorithm>
#include <cstdint>

namespace tsvde {

constexpr uint32_t kBatch = 32;  // at most

// How many to receive next: one more where as many came as were asked for, a quarter where fewer did. So a
// batch stays well below what is on its way, and its sender, who hears of the first, goes on while the others
// are forwarded; with all in one batch each of the two would sleep while the other works.
inline uint32_t next_batch(uint32_t asked, uint32_t came) {
  return came < asked ? std::max(asked / 4, 1u) : std::min(asked + 1, kBatch);
}

}  // namespace tsvde
