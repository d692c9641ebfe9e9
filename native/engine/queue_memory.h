// The memory in which frames wait, of all queues of a switch together. A queue takes it in steps and keeps it
// for a while after it has become empty, since a queue that fills once often fills again. When the budget is
// used up, or a second later, the memory of empty queues goes back to the system. Loop thread only.
#pragma once

#include <cstdint>

namespace tsvde {

class FrameQueue;

class QueueMemory {
 public:
  // A queue may have one step whatever the others have, so that no queue is shut out.
  static constexpr uint32_t kStep = 16 * 1024;
  static constexpr uint64_t kDefaultLimit = 64 << 20;

  QueueMemory() = default;
  QueueMemory(const QueueMemory&) = delete;
  QueueMemory& operator=(const QueueMemory&) = delete;

  uint64_t limit = kDefaultLimit;  // in bytes
  [[nodiscard]] uint64_t used() const { return used_; }
  [[nodiscard]] bool has_idle() const { return idle_ != nullptr; }

  // Takes `bytes` from the budget, if need be after empty queues have given theirs back. Returns whether
  // there are so many. A queue's first step is always granted.
  [[nodiscard]] bool take(uint64_t bytes, bool first);
  void give_back(uint64_t bytes) { used_ -= bytes; }

  // Called by a queue that has become empty, and by one that no longer is.
  void add_idle(FrameQueue& queue);
  void remove_idle(FrameQueue& queue);
  // Gives the memory of those queues back to the system that have been empty since the last call.
  void sweep();

 private:
  uint64_t used_ = 0;
  FrameQueue* idle_ = nullptr;  // the empty queues that have memory, a list
};

}  // namespace tsvde
