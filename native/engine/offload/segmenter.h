// Does the work that an Offload describes: completes a checksum, or makes the segments of a datagram, byte
// for byte as Linux would. Segments have headers of their own; their payload is not copied. The segmenter has
// no descriptors, reads no clock and allocates nothing.
#pragma once

#include <array>

#include "engine/batch.h"
#include "engine/offload/virtio_header.h"

namespace tsvde {

class Segmenter {
 public:
  // Begins a frame for which offload.any() is true: a received frame, or its tagged or untagged view. The
  // frame's bytes must stay valid until next() has returned nullptr.
  void start(const Frame& frame);
  // Returns the next segment, which stays valid until kBatch more have been made; nullptr after the last one.
  [[nodiscard]] Frame* next();

 private:
  struct Slot {
    Frame frame;
    std::array<uint8_t, kHeadersMax + kTagSize> header;
  };
  void complete(Slot& slot);
  void segment(Slot& slot);

  const Frame* source_ = nullptr;
  std::array<uint8_t, kHeadersMax + kTagSize> header_;  // the source's headers, contiguous
  const uint8_t* payload_ = nullptr;
  uint32_t network_ = 0;
  uint32_t at_ = 0;     // payload bytes in the segments made so far
  uint32_t count_ = 0;  // segments made so far
  uint32_t size_ = 0;   // bytes of the whole payload
  uint32_t next_slot_ = 0;
  std::array<Slot, kBatch> slots_;
};

}  // namespace tsvde
