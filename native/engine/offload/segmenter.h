// Does the work that an Offload has left undone: completes a checksum, or makes the segments of a whole
// datagram, with the bytes that Linux gives them. Segments have headers of their own; their payload is not
// copied. It has no descriptors, reads no clock and allocates nothing.
#pragma once

#include <array>

#include "engine/batch.h"
#include "engine/offload/virtio_header.h"

namespace tsvde {

class Segmenter {
 public:
  // Begins a frame whose offload.any(): a received frame, or a tagged or untagged view of one. Its bytes must
  // stay valid until next() has returned nullptr.
  void start(const Frame& frame);
  // The next segment, valid until kBatch more have been made; nullptr after the last one.
  [[nodiscard]] Frame* next();

 private:
  struct Slot {
    Frame frame;
    std::array<uint8_t, kHeadersMax + kTagSize> header;
  };
  void complete(Slot& slot);
  void segment(Slot& slot);

  const Frame* source_ = nullptr;
  std::array<uint8_t, kHeadersMax + kTagSize> header_;  // of the source, contiguous
  const uint8_t* payload_ = nullptr;
  uint32_t network_ = 0;
  uint32_t at_ = 0;     // payload bytes in the segments so far
  uint32_t count_ = 0;  // segments so far
  uint32_t size_ = 0;   // of the whole payload
  uint32_t next_slot_ = 0;
  std::array<Slot, kBatch> slots_;
};

}  // namespace tsvde
