// Finishes a frame for an endpoint that takes it only as it is on a wire: completes its checksum, and cuts a
// datagram into the frames it stands for, with the bytes that Linux gives them. The headers of what comes out
// are its own, the payload stays where it is. No descriptor, no clock; takes no memory.
#pragma once

#include <array>

#include "engine/batch.h"
#include "engine/offload/virtio_header.h"

namespace tsvde {

class Segmenter {
 public:
  // Begins a frame whose offload.any(), as it was received or with a tag put on or off; its bytes are read
  // until the last frame of it is out.
  void start(const Frame& frame);
  // The next frame, good until kBatch more have come; nullptr: that were all.
  [[nodiscard]] Frame* next();

 private:
  struct Slot {
    Frame frame;
    std::array<uint8_t, kHeadersMax + kTagSize> header;
  };
  void complete(Slot& slot);
  void segment(Slot& slot);

  const Frame* source_ = nullptr;
  std::array<uint8_t, kHeadersMax + kTagSize> header_;  // of the source, in one piece
  const uint8_t* payload_ = nullptr;
  uint32_t network_ = 0;
  uint32_t at_ = 0;     // payload bytes that are out
  uint32_t count_ = 0;  // frames that are out
  uint32_t size_ = 0;   // of the whole payload
  uint32_t next_slot_ = 0;
  std::array<Slot, kBatch> slots_;
};

}  // namespace tsvde
