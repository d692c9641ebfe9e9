// How many frames one call receives or sends.
#pragma once

#include <algorithm>
#include <cstdint>

namespace tsvde {

constexpr uint32_t kBatch = 32;  // at most

// Returns how many frames to receive next: one more than `asked` if all of those came, a quarter of them if
// not. This keeps a batch smaller than what is in flight: the sender wakes after the first frames while the
// rest is forwarded. If all were in one batch, each of the two would sleep while the other works.
inline uint32_t next_batch(uint32_t asked, uint32_t came) {
  return came < asked ? std::max(asked / 4, 1u) : std::min(asked + 1, kBatch);
}

}  // namespace tsvde
