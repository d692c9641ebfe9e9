#include "engine/queue_memory.h"

#include "engine/frame_queue.h"

namespace tsvde {

bool QueueMemory::take(uint64_t bytes, bool first) {
  while (used_ + bytes > limit && idle_ != nullptr) idle_->release();
  if (used_ + bytes > limit && !first) return false;
  used_ += bytes;
  return true;
}

void QueueMemory::add_idle(FrameQueue& queue) {
  queue.idle_ = {.listed = true, .previous = nullptr, .next = idle_};
  if (idle_ != nullptr) idle_->idle_.previous = &queue;
  idle_ = &queue;
  idle_bytes_ += queue.extent_;
}

void QueueMemory::remove_idle(FrameQueue& queue) {
  const auto [listed, swept, previous, next] = queue.idle_;
  if (next != nullptr) next->idle_.previous = previous;
  (previous != nullptr ? previous->idle_.next : idle_) = next;
  queue.idle_ = {};
  idle_bytes_ -= queue.extent_;
}

void QueueMemory::sweep() {
  for (FrameQueue* queue = idle_; queue != nullptr;) {
    FrameQueue* const next = queue->idle_.next;
    if (queue->idle_.swept)
      queue->release();
    else
      queue->idle_.swept = true;
    queue = next;
  }
}

}  // namespace tsvde
