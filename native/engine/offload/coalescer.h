// Coalesces TCP segments of one connection that follow each other in a batch: an endpoint that accepts
// unsegmented datagrams gets the datagram that they are segments of. Segments are coalesced only if Linux
// would segment the datagram into the very same frames: checksums are right, sequence numbers and IPv4
// identifications follow each other, and the other header fields are equal, except lengths and the last
// segment's FIN and PSH. A segment with a wrong checksum arrives as it was sent. The coalescer does not wait
// for further frames, keeps frames in order, has no descriptors, reads no clock and allocates
// nothing.
#pragma once

#include <array>

#include "engine/batch.h"
#include "engine/frame.h"
#include "engine/offload/ip.h"

namespace tsvde {

class Coalescer {
 public:
  // Coalesces in place and returns how many pointers are left. The pointers are valid until the next call.
  [[nodiscard]] uint32_t coalesce(std::span<Frame*> frames);

 private:
  // The longest headers: Ethernet with two tags, IPv6, TCP with all options.
  static constexpr uint32_t kHeaders = 14 + 2 * 4 + 40 + 60;

  // A segment that may be part of a run of coalesced segments.
  struct Segment {
    std::array<uint8_t, kHeaders> header;
    Headers at;
    iovec payload;
    [[nodiscard]] const uint8_t* ip() const { return &header[at.network]; }
    [[nodiscard]] const uint8_t* tcp() const { return &header[at.transport]; }
    [[nodiscard]] bool ends() const { return (tcp()[tcp::kFlags] & (tcp::kFin | tcp::kPsh)) != 0; }
  };
  struct Run {
    Frame frame;
    std::array<uint8_t, kHeaders> header;
  };

  [[nodiscard]] static bool read(Frame& frame, Segment& segment);
  [[nodiscard]] static bool has_right_checksum(const Segment& segment);
  [[nodiscard]] bool continues(const Segment& segment) const;
  void open(const Segment& first);
  void begin_run(Frame*& frame);
  void append(const Segment& segment);
  void close();

  Segment first_;           // the first segment of the open run
  bool open_ = false;       // whether first_ may be continued
  uint32_t coalesced_ = 0;  // segments in the run; 0: only first_, whose checksum has not been verified yet
  uint32_t size_ = 0;       // payload bytes in the run
  uint8_t flags_ = 0;       // the TCP flags of the last segment in the run
  std::array<Run, kBatch / 2> runs_;
  uint32_t runs_used_ = 0;
  std::array<iovec, kBatch + kBatch / 2> parts_;
  uint32_t parts_used_ = 0;
};

}  // namespace tsvde
