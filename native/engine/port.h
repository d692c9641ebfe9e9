// A numbered port of the switch: its endpoints, its counters and the frames to transmit on it. Loop
// thread only.
#pragma once

#include <array>
#include <bitset>
#include <memory>
#include <vector>

#include "engine/attachment.h"
#include "engine/counters.h"
#include "engine/vlan.h"

namespace tsvde {

struct Port;

// Called for frames that a port drops, while a capture wants them. Must not block.
class DropObserver {
 public:
  virtual ~DropObserver() = default;
  virtual void dropped(const Port& port, const Frame& frame, Counter reason) = 0;
};

struct Port {
  explicit Port(uint32_t number) : number(number) {}
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;

  // Adds a frame behind those that transmit() will send. The frame must stay valid until transmit() returns.
  // If a whole batch has been added already, that batch is sent first.
  void add(Frame* frame, Time now) {
    if (outgoing_count == kBatch) [[unlikely]]
      make_room(now);
    outgoing[outgoing_count++] = frame;
    if (frame->offload.any() || frame->borrowed) [[unlikely]]
      outgoing_needs |= needs(*frame);
  }
  // Sends the frames that were added. Frames for which an endpoint has no room are queued, or dropped and
  // counted. Returns whether an attachment has begun to wait for room.
  [[nodiscard]] bool transmit(Time now);
  // Sends the frames that wait for this endpoint.
  void drain(Attachment& attachment, Time now);
  // Drops and counts the frames that wait for an endpoint, which is being detached.
  void drop_queued(Attachment& attachment);
  void count_received(const Frame& frame);
  // Counts a dropped frame as `frames` frames, and reports it to the observer of drops, if there is one.
  void drop(const Frame& frame, Counter reason, uint64_t frames) {
    counters[reason] += frames;
    if (drop_observer != nullptr) [[unlikely]]
      drop_observer->dropped(*this, frame, reason);
  }
  [[nodiscard]] Counters snapshot() const;

  const uint32_t number;
  Counters counters{};
  std::vector<std::unique_ptr<Attachment>> attachments;
  std::array<Frame*, kBatch> outgoing{};
  uint32_t outgoing_count = 0;
  Offloads outgoing_needs = 0;
  DropObserver* drop_observer = nullptr;  // null unless a capture wants dropped frames

  // Whether the port is the target of a mirror, so that only copies are sent to it. After a change, call
  // Switch::update_active().
  bool mirror_target = false;

  // VLANs. Vlans changes untagged_vlan and member_of. After a change of discarding, call Vlans::update().
  uint16_t untagged_vlan = 0;        // kNoVlan: none
  std::bitset<kVlans> member_of{1};  // by VID; includes untagged_vlan
  std::bitset<kVlans> discarding;    // by VID; blocked by spanning tree: only BPDUs enter or leave
  int64_t bpdus_counted_at = -1;     // the second for which bpdus_left counts
  uint32_t bpdus_left = 0;           // how many more BPDUs are accepted in that second

 private:
  void make_room(Time now);
  // The offload work that all endpoints of the port can do themselves.
  [[nodiscard]] Offloads offloads() const;
  // Returns what an endpoint must be able to do to send the frame as it is.
  [[nodiscard]] static Offloads needs(const Frame& frame) {
    return needed(frame.offload) | (frame.borrowed ? kGathers : 0);
  }
  // Gathers the borrowed frames that endpoints with these offloads do not send as they are.
  void gather(Offloads able);
  [[nodiscard]] bool transmit_segmented(Time now);
  [[nodiscard]] bool transmit_list(Time now);
  using Mask = uint64_t;  // a bit for each frame of the batch
  static_assert(kBatch <= 64);
  [[nodiscard]] Mask send(Attachment& attachment, Time now);
  [[nodiscard]] Mask enqueue(Attachment& attachment, uint32_t from);
  [[nodiscard]] bool drain_segmented(Attachment& attachment, const Frame& frame, Time now);
  void count_transmitted(const Frame& frame);
  // Returns the counter for frames that an endpoint has refused with this errno.
  [[nodiscard]] Counter drop_reason(int error) const;

  bool begun_to_wait_ = false;  // whether an attachment began to wait for room in make_room()
};

}  // namespace tsvde
