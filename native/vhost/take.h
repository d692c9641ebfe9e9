// Takes a frame from a guest's send ring. All but the beginning of a long frame is lent, so that it is copied
// only once.
#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <span>

#include "vhost/memory_table.h"
#include "vhost/net_header.h"
#include "vhost/ring.h"
#include "vhost/violation.h"

namespace tsvde::vhost {

// Frames of at least kLendFrom bytes are lent, but for their first kCopied bytes, which are copied. The guest
// can change the lent bytes at any time, so they must not be interpreted.
constexpr uint32_t kLendFrom = 2048;
constexpr uint32_t kCopied = 512;

struct Taken {
  bool frame = false;  // false: the ring is empty, or the guest violates the rules
  Violation violation = Violation::none;
  // The frame's true size, even if the room holds only its beginning; 0 if the chain is not longer than a
  // header.
  uint32_t size = 0;
  uint32_t lent = 0;  // the number of lent pieces; 0: the whole frame is in the room
  NetHeader header{};
};

// Copies the next frame to `room` and consumes its entry. Lends a long frame if it fits into `room` and
// `pieces` has room for its pieces. While the pieces are in use, the entry must not be published, and the
// memory table must not be replaced.
[[nodiscard]] Taken take(Ring& ring, const MemoryTable& memory, bool indirect, std::span<uint8_t> room,
                         std::span<iovec> pieces);

}  // namespace tsvde::vhost
