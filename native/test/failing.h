// Makes allocations and mappings of one thread fail: those that come from operator new and mmap(2) in the
// code under test. libc's own calls of malloc() do not fail.
#pragma once

#include <sys/types.h>

#include <cstdint>

namespace tsvde::test {

// While this object exists, the `first`th allocation of the thread fails, and so do the next ones, `count` in
// all. There is at most one such object at a time.
class Failing {
 public:
  explicit Failing(pid_t thread, uint32_t first = 1, uint32_t count = UINT32_MAX);
  Failing(const Failing&) = delete;
  Failing& operator=(const Failing&) = delete;
  ~Failing();

  // Returns whether an allocation has failed.
  [[nodiscard]] bool reached() const;
};

}  // namespace tsvde::test
