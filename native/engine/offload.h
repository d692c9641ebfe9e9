// The work that an endpoint with offloads left undone in a frame: a checksum to complete, or an unsegmented
// datagram to segment. A destination that can do this work gets the frame as it is; for all other
// destinations Segmenter does the work. Offsets are from the first byte of the frame, so a tag shifts them.
#pragma once

#include <cstdint>

namespace tsvde {

struct Offload {
  enum class Segmentation : uint8_t { none, tcp4, tcp6, udp };

  uint16_t checksum_start = 0;   // where the bytes to sum begin; 0: the checksum is complete
  uint16_t checksum_offset = 0;  // bytes from checksum_start to the field, which holds the pseudo-header sum
  uint16_t header_size = 0;      // bytes of each segment up to the end of its TCP or UDP header
  uint16_t segment_size = 0;     // payload bytes of each segment but the last; 0: a single frame
  Segmentation segmentation = Segmentation::none;
  bool ecn = false;  // TCP's CWR flag is set, which only the first segment keeps (RFC 3168, 6.1.2)

  [[nodiscard]] bool any() const { return checksum_start != 0; }

  [[nodiscard]] Offload shifted(int by) const {
    Offload shifted = *this;
    const auto shift = [by](uint16_t& value) {
      if (value != 0) value = static_cast<uint16_t>(value + by);
    };
    shift(shifted.checksum_start);
    shift(shifted.header_size);
    return shifted;
  }
};

// The work that an endpoint can do itself, as bits.
using Offloads = uint8_t;
constexpr Offloads kCompletesChecksums = 1;
constexpr Offloads kSegmentsTcp = 2;  // over IPv4 and IPv6, with ECN
constexpr Offloads kSegmentsUdp = 4;
constexpr Offloads kGathers = 8;  // send() accepts borrowed frames (see frame.h)

inline Offloads needed(const Offload& offload) {
  if (!offload.any()) return 0;
  switch (offload.segmentation) {
    case Offload::Segmentation::none:
      return kCompletesChecksums;
    case Offload::Segmentation::tcp4:
    case Offload::Segmentation::tcp6:
      return kCompletesChecksums | kSegmentsTcp;
    case Offload::Segmentation::udp:
      return kCompletesChecksums | kSegmentsUdp;
  }
  return 0;
}

}  // namespace tsvde
