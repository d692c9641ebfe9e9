#include "engine/frame_queue.h"

#include <sys/mman.h>

#include <new>

namespace tsvde {

// The ring has room for `limit` frames of 1536 bytes, a little more than the usual maximum, and for at least
// four frames of kFrameMax bytes. Pages that are never written cost nothing.
FrameQueue::FrameQueue(uint32_t limit, QueueMemory& memory)
    : limit_(std::max(limit, 1u)),
      capacity_(std::max(limit_ * 1536, 4 * (kFrameMax + 1))),
      entries_(new (std::nothrow) Entry[limit_]),
      memory_(memory) {
  void* const space =
      mmap(nullptr, capacity_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  ring_ = space == MAP_FAILED ? nullptr : static_cast<uint8_t*>(space);
}

FrameQueue::~FrameQueue() {
  if (idle_.listed) memory_.remove_idle(*this);
  // A queue that was never attached is destroyed in another thread, and has taken nothing.
  if (extent_ > 0) memory_.give_back(extent_);
  if (ring_ != nullptr) munmap(ring_, capacity_);
}

bool FrameQueue::push(const Frame& frame) {
  uint32_t at = 0;
  const uint32_t size = frame.size();
  if (frames_ == limit_ || !find_room(size, at)) return false;
  if (at + size > extent_ && !reach(at + size)) {
    // Without more memory, the room before the oldest frame is used instead.
    if (frames_ == 0 || at < entries_[front_].at || size > entries_[front_].at) return false;
    at = 0;
  }
  if (idle_.listed) memory_.remove_idle(*this);
  entry(front_ + frames_) = {at, size, frame.offload};
  frames_++;
  bytes_ += size;
  for (const iovec& part : frame.all_parts()) {
    std::memcpy(&ring_[at], part.iov_base, part.iov_len);
    at += static_cast<uint32_t>(part.iov_len);
  }
  write_at_ = at;
  return true;
}

uint32_t FrameQueue::peek(std::span<Frame> frames) {
  const uint32_t count = std::min(frames_, static_cast<uint32_t>(frames.size()));
  for (uint32_t i = 0; i < count; i++) {
    const Entry& oldest = entry(front_ + i);
    frames[i].parts[0] = {&ring_[oldest.at], oldest.size};
    frames[i].offload = oldest.offload;
  }
  return count;
}

void FrameQueue::drop_front(uint32_t count) {
  for (uint32_t i = 0; i < count; i++) bytes_ -= entry(front_ + i).size;
  front_ = (front_ + count) % limit_;
  frames_ -= count;
  if (frames_ == 0 && extent_ > 0 && !idle_.listed) memory_.add_idle(*this);
}

void FrameQueue::release() {
  if (idle_.listed) memory_.remove_idle(*this);
  if (extent_ == 0) return;
  madvise(ring_, extent_, MADV_DONTNEED);
  memory_.give_back(extent_);
  extent_ = 0;
}

bool FrameQueue::reach(uint32_t end) {
  constexpr uint32_t kStep = QueueMemory::kStep;
  const uint32_t wanted = std::min((end + kStep - 1) / kStep * kStep, capacity_);
  // A queue that needs memory now must not give its own back.
  if (idle_.listed) memory_.remove_idle(*this);
  const bool taken = memory_.take(wanted - extent_, wanted <= kStep);
  if (taken)
    extent_ = wanted;
  else if (frames_ == 0 && extent_ > 0)
    memory_.add_idle(*this);
  return taken;
}

// Finds room for a frame in one piece: behind the newest frame, or at the beginning of the ring if too little
// room is left before its end.
bool FrameQueue::find_room(uint32_t size, uint32_t& at) const {
  if (frames_ == 0) {
    at = 0;
    return size <= capacity_;
  }
  const uint32_t oldest = entries_[front_ % limit_].at;
  if (write_at_ > oldest) {
    if (size <= capacity_ - write_at_) {
      at = write_at_;
      return true;
    }
    at = 0;
    return size <= oldest;
  }
  at = write_at_;
  return size <= oldest - write_at_;
}

}  // namespace tsvde
