// A numbered place of the switch: its endpoints, its counters, and the frames on their way out. Loop thread
// only.
#pragma once

#include <array>
#include <bitset>
#include <memory>
#include <vector>

#include "engine/attachment.h"
#include "engine/counters.h"
#include "engine/vlan.h"

namespace tsvde {

struct Port {
  explicit Port(uint32_t number) : number(number) {}
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;

  // Adds a frame to those that transmit() sends, in order; its bytes must stay until then. Where a batch has
  // been added already, that is sent first.
  void add(Frame* frame, Time now) {
    if (outgoing_count == kBatch) [[unlikely]]
      make_room(now);
    outgoing[outgoing_count++] = frame;
    outgoing_needs |= needed(frame->offload);
  }
  // Sends what was added, or queues it, or drops and counts it; true: an attachment has begun to wait.
  [[nodiscard]] bool transmit(Time now);
  // Sends what waited for this endpoint.
  void drain(Attachment& attachment, Time now);
  void count_received(const Frame& frame);
  [[nodiscard]] Counters snapshot() const;

  const uint32_t number;
  Counters counters{};
  std::vector<std::unique_ptr<Attachment>> attachments;
  std::array<Frame*, kBatch> outgoing{};
  uint32_t outgoing_count = 0;
  Offloads outgoing_needs = 0;

  // VLANs, by VID. Who changes one of these tells Vlans.
  uint16_t untagged_vlan = 0;        // kNoVlan: none
  std::bitset<kVlans> member_of{1};  // with the untagged one
  std::bitset<kVlans> discarding;    // by order of spanning tree: nothing enters or leaves but BPDUs
  int64_t bpdus_counted_at = -1;     // a second, and how many BPDUs may still come in it
  uint32_t bpdus_left = 0;

 private:
  void make_room(Time now);
  // What every endpoint of the port can do itself.
  [[nodiscard]] Offloads offloads() const;
  [[nodiscard]] bool transmit_segmented(Time now);
  [[nodiscard]] bool transmit_list(Time now);
  using Mask = uint64_t;  // a bit a frame of the batch
  static_assert(kBatch <= 64);
  [[nodiscard]] Mask send(Attachment& attachment, Time now);
  [[nodiscard]] Mask enqueue(Attachment& attachment, uint32_t from);
  [[nodiscard]] bool drain_segmented(Attachment& attachment, const Frame& frame, Time now);
  void count_transmitted(const Frame& frame);

  bool begun_to_wait_ = false;  // an attachment has, in make_room()
};

}  // namespace tsvde
