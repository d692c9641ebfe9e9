// Puts a frame into a guest's receive ring.
#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <span>

#include "vhost/memory_table.h"
#include "vhost/net_header.h"
#include "vhost/ring.h"
#include "vhost/violation.h"

namespace tsvde::vhost {

enum class Put : uint8_t {
  done,
  no_room,   // the guest must make more buffers available
  too_long,  // for one buffer if buffers are not merged, or for a full ring
  violated,
};

struct PutRules {
  bool indirect = false;
  bool merged = false;  // a frame may take several buffers
};

// Copies a header and a frame, given as parts, to the next buffers and consumes these buffers. Unless the
// result is `done`, no buffer is consumed: bytes that were copied are in buffers that still belong to the
// device.
[[nodiscard]] Put put(Ring& ring, const MemoryTable& memory, PutRules rules, const NetHeader& header,
                      std::span<const iovec> frame, Violation& violation);

}  // namespace tsvde::vhost
