// The header before each frame in a ring (virtio 1.2, 5.1.6), little-endian. A guest's header is copied
// unchecked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace tsvde::vhost {

struct NetHeader {
  uint8_t flags = 0;
  uint8_t gso_type = 0;
  uint16_t header_length = 0;
  uint16_t gso_size = 0;
  uint16_t checksum_start = 0;
  uint16_t checksum_offset = 0;
  uint16_t buffers = 1;  // how many receive buffers the frame takes; set by put(), unused by take()
};
static_assert(sizeof(NetHeader) == 12);

// Copies a part of a header or frame. A whole header, the usual first part, is copied by two loads and two
// stores of a fixed size, from which later loads can be forwarded.
inline void copy_piece(uint8_t* to, const uint8_t* from, size_t size) {
  if (size == sizeof(NetHeader)) {
    std::memcpy(to, from, sizeof(NetHeader));
  } else {
    std::memcpy(to, from, size);
  }
}

}  // namespace tsvde::vhost
