// Memory for JavaScript. V8 ends the process if it gets none, so what can be refused is refused before.
#pragma once

#include <sys/mman.h>

#include <cstddef>

// Returns whether the process may still take as much memory as JavaScript needs at a time: V8's young
// generation, and pages for what outlives it.
inline bool has_headroom() {
  constexpr size_t kHeadroom = size_t{32} << 20;
  void* const space =
      mmap(nullptr, kHeadroom, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return space != MAP_FAILED && munmap(space, kHeadroom) == 0;
}
