// Copies of frames for a peer that does not read at the moment: first in, first out, bounded in frames and in
// bytes. The constructor reserves the address space, so that queueing a frame allocates nothing. Pages are
// used only up to the highest byte that was written, and only as far as the budget that all queues share
// allows. Made in the thread that attaches; after that, loop thread only.
#pragma once

#include <algorithm>
#include <memory>
#include <span>

#include "engine/frame.h"
#include "engine/queue_memory.h"

namespace tsvde {

class FrameQueue {
 public:
  FrameQueue(uint32_t limit, QueueMemory& memory);
  FrameQueue(const FrameQueue&) = delete;
  FrameQueue& operator=(const FrameQueue&) = delete;
  ~FrameQueue();

  // Returns whether the constructor got its address space.
  [[nodiscard]] bool is_valid() const { return ring_ != nullptr && entries_ != nullptr; }

  [[nodiscard]] bool empty() const { return frames_ == 0; }
  [[nodiscard]] uint32_t frames() const { return frames_; }
  [[nodiscard]] uint32_t limit() const { return limit_; }
  [[nodiscard]] uint64_t bytes() const { return bytes_; }
  [[nodiscard]] bool is_half_empty() const { return frames_ <= limit_ / 2 && bytes_ <= attainable() / 2; }
  // Returns how many datagrams fit into half of the queue, if each becomes `frames` frames of `bytes` bytes
  // in total.
  [[nodiscard]] uint32_t half_holds(uint32_t frames, uint64_t bytes) const {
    return std::min(limit_ / 2 / frames, static_cast<uint32_t>(attainable() / 2 / bytes));
  }

  // Returns false if the queue has no room for the frame; the queue is then unchanged.
  [[nodiscard]] bool push(const Frame& frame);
  // Fills in the oldest frames, which stay in the queue. Returns how many.
  [[nodiscard]] uint32_t peek(std::span<Frame> frames);
  void drop_front(uint32_t count);
  // Gives the memory of the queue, which must be empty, back to the system.
  void release();

 private:
  friend class QueueMemory;
  // The queue's place in QueueMemory's list of empty queues.
  struct Idle {
    bool listed = false;
    bool swept = false;  // whether the queue was in the list at the last sweep
    FrameQueue* previous = nullptr;
    FrameQueue* next = nullptr;
  };
  struct Entry {
    uint32_t at;  // offset in the ring
    uint32_t size;
    Offload offload;
  };
  // How many bytes the queue can hold at most, with what is left of the budget.
  [[nodiscard]] uint64_t attainable() const {
    const uint64_t bytes = extent_ + memory_.available() - (idle_.listed ? extent_ : 0);
    return std::clamp<uint64_t>(bytes, QueueMemory::kStep, capacity_);
  }
  [[nodiscard]] bool find_room(uint32_t size, uint32_t& at) const;
  // Takes memory from the budget until the ring has memory up to `end`. Returns false if the budget does not
  // allow that.
  [[nodiscard]] bool reach(uint32_t end);
  [[nodiscard]] Entry& entry(uint32_t index) { return entries_[index % limit_]; }

  uint32_t limit_;
  uint32_t capacity_;
  uint8_t* ring_;  // `capacity_` bytes of address space
  std::unique_ptr<Entry[]> entries_;
  uint32_t front_ = 0;  // index of the oldest entry
  uint32_t frames_ = 0;
  uint32_t write_at_ = 0;
  uint64_t bytes_ = 0;
  QueueMemory& memory_;
  uint32_t extent_ = 0;  // how many bytes of the ring were taken from the budget
  Idle idle_;
};

}  // namespace tsvde
