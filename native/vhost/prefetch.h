// Asks the processor to load the memory that later ring entries refer to. Most of it was last used by the
// guest's processor, so that take() and put() would otherwise wait for each line.
#pragma once

#include <cstdint>

#include "vhost/memory_table.h"
#include "vhost/ring.h"

namespace tsvde::vhost {

constexpr uint32_t kDescriptorsAhead = 8;
constexpr uint32_t kBuffersAhead = 4;

template <bool kWrite>
inline void prefetch_line(const void* at) {
#if defined(__x86_64__)
  // Processors without prefetchw ignore it, but the compiler emits it only if it compiles for processors that
  // have it.
  if constexpr (kWrite) {
    asm volatile("prefetchw %0" : : "m"(*static_cast<const uint8_t*>(at)));
    return;
  }
#endif
  __builtin_prefetch(at, kWrite ? 1 : 0);
}

// Asks for a later entry's descriptor and for the first bytes of a nearer entry's buffer. `kWrite`: the
// buffer will be written. These are hints: entries that violate the rules are left to take() and put().
template <bool kWrite>
inline void prefetch(const Ring& ring, const MemoryTable& memory) {
  constexpr uint64_t kLine = 64;
  if (ring.available() <= kBuffersAhead) return;
  const uint16_t head = ring.head(kBuffersAhead);
  if (head >= ring.size()) return;
  const uint64_t address = std::atomic_ref(ring.descriptors()[head].address).load(std::memory_order_relaxed);
  const auto bytes = memory.at_guest(address, 2 * kLine);
  if (bytes.empty()) return;
  prefetch_line<kWrite>(bytes.data());
  prefetch_line<kWrite>(&bytes.back());
  if (ring.available() <= kDescriptorsAhead) return;
  const uint16_t later = ring.head(kDescriptorsAhead);
  if (later < ring.size()) __builtin_prefetch(ring.descriptors() + later);
}

}  // namespace tsvde::vhost
