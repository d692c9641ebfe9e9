// Joins TCP segments of one connection that lie next to each other in a batch into the datagram they were cut
// from, for an endpoint that takes it whole. Only what Linux would cut into the very same frames again is
// joined: every header but length, number and checksum is the same, and every checksum is right, so that a
// wrong one arrives as it came. Nothing is waited for and no frame overtakes another. No descriptor, no
// clock; takes no memory.
#pragma once

#include <array>

#include "engine/batch.h"
#include "engine/frame.h"
#include "engine/offload/ip.h"

namespace tsvde {

class Coalescer {
 public:
  // Joins in place; returns how many pointers are left. What they point to is good until the next call.
  [[nodiscard]] uint32_t coalesce(std::span<Frame*> frames);

 private:
  // Ethernet with two tags, IPv6, TCP with all options.
  static constexpr uint32_t kHeaders = 14 + 2 * 4 + 40 + 60;

  // A segment that may stand in a run.
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

  [[nodiscard]] static bool read(const Frame& frame, Segment& segment);
  [[nodiscard]] static bool has_right_checksum(const Segment& segment);
  [[nodiscard]] bool continues(const Segment& segment) const;
  void open(const Segment& first);
  void begin_run(Frame*& frame);
  void append(const Segment& segment);
  void close();

  Segment first_;           // of the run that is open
  bool open_ = false;       // first_ may be continued,
  uint32_t coalesced_ = 0;  // and so many segments were joined; 0: not even its own checksum was looked at
  uint32_t size_ = 0;       // of their payload
  uint8_t flags_ = 0;       // of the last of them
  std::array<Run, kBatch / 2> runs_;
  uint32_t runs_used_ = 0;
  std::array<iovec, kBatch + kBatch / 2> parts_;
  uint32_t parts_used_ = 0;
};

}  // namespace tsvde
