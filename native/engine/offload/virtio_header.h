// The virtio-net header, which stands before a frame of a TAP that has offloads (virtio 1.2, 5.1.6; in the
// host's byte order there), to and from a frame's Offload. A header is whoever's word: a guest behind a
// bridge may have written it, so nothing in it is used before it is checked against the frame.
#pragma once

#include "engine/frame.h"

namespace tsvde {

struct VirtioHeader {
  uint8_t flags;
  uint8_t gso_type;
  uint16_t hdr_len;
  uint16_t gso_size;
  uint16_t csum_start;
  uint16_t csum_offset;
};
static_assert(sizeof(VirtioHeader) == 10);

// The longest headers that are looked at and copied: Ethernet, tags, IPv6 with some extensions, TCP.
constexpr uint32_t kHeadersMax = 512;
// A datagram stands for so many frames at most: a hostile one of 64 KB and one byte a frame would hold up
// everybody. Linux's TCP at its smallest segment stays below.
constexpr uint32_t kSegmentsMost = 2048;

// Fills frame.offload; false: the header does not fit the frame, which is then of no use.
[[nodiscard]] bool read_virtio_header(const VirtioHeader& header, Frame& frame);
[[nodiscard]] VirtioHeader virtio_header(const Offload& offload);

}  // namespace tsvde
