// Survives a peer that truncates the memory that it shares with us. Without a guard, the next access raises
// SIGBUS and ends the process. The handler maps anonymous pages over the whole mapping, sets a flag and
// returns; the access is repeated and reads zeroes. The owner of the mapping checks the flag after each pass
// and disconnects the peer. The guard costs nothing while frames are moved.
//
// Only the thread that guarded a range may access it. The handler passes every other SIGBUS to the previous
// handler. A system call on vanished memory returns EFAULT instead of a signal.
#pragma once

#include <atomic>
#include <cstddef>

namespace tsvde::vhost {

struct Slot;

class GuardedRange {
 public:
  GuardedRange() = default;
  GuardedRange(GuardedRange&& other) noexcept;
  GuardedRange& operator=(GuardedRange&& other) noexcept;
  GuardedRange(const GuardedRange&) = delete;
  GuardedRange& operator=(const GuardedRange&) = delete;
  // Must run before the range is unmapped or given to another thread.
  ~GuardedRange();

  // Guards a whole mapping for the calling thread, and unblocks SIGBUS in this thread, since a blocked SIGBUS
  // ends the process despite the handler. `vanished` must outlive the guard. Returns false if there are too
  // many guards.
  [[nodiscard]] bool guard(void* begin, size_t size, std::atomic<bool>& vanished);

 private:
  Slot* slot_ = nullptr;
};

}  // namespace tsvde::vhost
