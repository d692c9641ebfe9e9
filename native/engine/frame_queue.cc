#include "engine/frame_queue.h"

namespace tsvde {

// The ring has room for `limit` frames of 1536 bytes, the usual maximum, and for at least four frames of
// kFrameMax bytes. Pages that are never written cost nothing.
FrameQueue::FrameQueue(uint32_t limit)
    : limit_(std::max(limit, 1u)),
      capacity_(std::max(limit_ * 1536, 4 * (kFrameMax + 1))),
      ring_(std::make_unique_for_overwrite<uint8_t[]>(capacity_)),
      entries_(std::make_unique_for_overwrite<Entry[]>(limit_)) {}

bool FrameQueue::push(const Frame& frame) {
  uint32_t at = 0;
  if (frames_ == limit_ || !find_room(frame.size(), at)) return false;
  const uint32_t size = frame.size();
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
