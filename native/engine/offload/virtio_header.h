// Converts the virtio-net header, which precedes each frame of a TAP with offloads (virtio 1.2, 5.1.6; there
// in the host's byte order), to and from a frame's Offload. The header is not trusted: a guest behind a
// bridge may have written it, so each field is checked against the frame before it is used.
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

// The longest headers that are read and copied: Ethernet, tags, IPv6 with some extension headers, TCP.
constexpr uint32_t kHeadersMax = 512;
// The most segments of a datagram. A hostile one of 64 KB in segments of one byte would delay all other
// traffic. Linux's TCP stays below with its smallest segments.
constexpr uint32_t kSegmentsMost = 2048;

// Fills frame.offload; false: the header does not fit the frame, which is then invalid.
[[nodiscard]] bool read_virtio_header(const VirtioHeader& header, Frame& frame);
[[nodiscard]] VirtioHeader virtio_header(const Offload& offload);

}  // namespace tsvde
