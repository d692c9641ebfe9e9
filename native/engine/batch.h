// The number of frames that one call receives or sends.
#pragma once

#include <algorithm>
#include <cstdint>

namespace tsvde {

constexpr uint32_t kBatch = 32;  // the maximum

// Returns how many frames to receive next, given that the last call asked for `asked` frames and got `came`:
// one more than `asked` if all came (at most kBatch), a quarter of `asked` otherwise (at least 1). This keeps
// a batch smaller than what is in flight: the sender wakes after the first frames while the rest is
// forwarded. If one batch took all that is in flight, the sender and the switch would each sleep while the
// other works.
inline uint32_t next_batch(uint32_t asked, uint32_t came) {
  return came < asked ? std::max(asked / 4, 1u) : std::min(asked + 1, kBatch);
}

}  // namespace tsvde
