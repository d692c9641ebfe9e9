// Converts between a frame's Offload and the virtio-net header that precedes each frame of a TAP with
// offloads (virtio 1.2, 5.1.6, but in the host's byte order). The header is not trusted, since a guest behind
// a bridge may have written it: each field is checked against the frame before it is used.
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

// The longest headers that are read and copied, in bytes: Ethernet, tags, IPv6 with some extension headers,
// TCP.
constexpr uint32_t kHeadersMax = 512;
// The most segments of a datagram. A hostile datagram of 64 KB in segments of one byte would delay all other
// traffic. Linux's TCP stays below this even with its smallest segments.
constexpr uint32_t kSegmentsMost = 2048;

// Fills in frame.offload. Returns false if the header does not fit the frame; the frame is then invalid.
[[nodiscard]] bool read_virtio_header(const VirtioHeader& header, Frame& frame);
[[nodiscard]] VirtioHeader virtio_header(const Offload& offload);

}  // namespace tsvde
