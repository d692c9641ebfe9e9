// Takes a frame from a guest's send ring.
#pragma once

#include <cstdint>
#include <span>

#include "vhost/memory_table.h"
#include "vhost/net_header.h"
#include "vhost/ring.h"
#include "vhost/violation.h"

namespace tsvde::vhost {

struct Taken {
  bool frame = false;  // false: the ring is empty, or the guest violates the rules
  Violation violation = Violation::none;
  // The frame's true size, even if the room holds only its beginning; 0 if the chain is not longer than a
  // header.
  uint32_t size = 0;
  NetHeader header{};
};

// Copies the next frame to `room` and consumes its entry.
[[nodiscard]] Taken take(Ring& ring, const MemoryTable& memory, bool indirect, std::span<uint8_t> room);

}  // namespace tsvde::vhost
