// The memory in which frames wait, shared by all queues of a switch. A queue takes memory in steps and keeps
// it for a while after it has become empty, since a queue that fills once often fills again. When the budget
// is used up, or after a second or two, the memory of empty queues goes back to the system. Loop thread only.
#pragma once

#include <cstdint>

namespace tsvde {

class FrameQueue;

class QueueMemory {
 public:
  // The bytes of a step. Every queue may have one step, however much the other queues have, so that none is
  // blocked.
  static constexpr uint32_t kStep = 16 * 1024;
  static constexpr uint64_t kDefaultLimit = 64 << 20;

  QueueMemory() = default;
  QueueMemory(const QueueMemory&) = delete;
  QueueMemory& operator=(const QueueMemory&) = delete;

  uint64_t limit = kDefaultLimit;  // in bytes
  [[nodiscard]] uint64_t used() const { return used_; }
  // Returns how many bytes of the budget a queue could still get, in whole steps.
  [[nodiscard]] uint64_t available() const {
    const uint64_t needed = used_ - idle_bytes_;
    return needed < limit ? (limit - needed) / kStep * kStep : 0;
  }
  [[nodiscard]] bool has_idle() const { return idle_ != nullptr; }

  // Takes `bytes` from the budget. If too few are left, takes memory back from empty queues first. Returns
  // false if too few are left even then. A queue's first step is always granted.
  [[nodiscard]] bool take(uint64_t bytes, bool first);
  void give_back(uint64_t bytes) { used_ -= bytes; }

  // A queue calls add_idle() when it is empty but has memory, and remove_idle() when it needs its memory
  // again.
  void add_idle(FrameQueue& queue);
  void remove_idle(FrameQueue& queue);
  // Gives back to the system the memory of the queues that have been empty since the last call.
  void sweep();

 private:
  uint64_t used_ = 0;
  FrameQueue* idle_ = nullptr;  // the empty queues that have memory, a list
  uint64_t idle_bytes_ = 0;     // the memory of these queues
};

}  // namespace tsvde
