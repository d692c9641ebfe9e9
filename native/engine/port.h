// A numbered place of the switch: its endpoints, its counters, and the frames on their way out. Loop thread
// only.
#pragma once

#include <array>
#include <bitset>
#include <memory>
#include <vector>

#include "engine/counters.h"
#include "engine/endpoint.h"
#include "engine/frame_queue.h"
#include "engine/vlan.h"

namespace tsvde {

struct Port;

// An endpoint at its port. Each has its own queue: two on one port do not wait for each other.
struct Attachment {
  Attachment(Port& port, uint32_t id, std::unique_ptr<Endpoint> endpoint, uint32_t queue_limit);

  Port& port;
  uint32_t id;  // of the endpoint, unique in the switch
  std::unique_ptr<Endpoint> endpoint;
  FrameQueue queue;
  bool waiting = false;  // for a descriptor to be writable; true just while something waits to leave
  int awaited = -1;      // that descriptor, once the loop watches it
  bool failed = false;   // the descriptor is of no use any more; waits to be detached

  // Pacing's
  Attachment* heads_for = nullptr;  // where alone its last batch went
  uint32_t most_frames = 1;         // on the wire, that one of that batch stands for,
  uint64_t most_bytes = 1;          // and their bytes
  bool held = false;                // left unread
  bool stalled = false;             // made no room in time; nobody is held for it until it has
  [[nodiscard]] bool has_room() const { return !waiting || queue.is_half_empty(); }

  uint32_t batch = 1;  // how many frames to receive at once
};

struct Port {
  explicit Port(uint32_t number) : number(number) {}
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;

  // Frames of one batch for this port, in order. A pointer is good until the batch has left.
  void add(Frame* frame) {
    outgoing[outgoing_count++] = frame;
    outgoing_needs |= needed(frame->offload);
  }
  // Sends what was added, or queues it, or drops and counts it; true: an attachment has begun to wait.
  [[nodiscard]] bool transmit();
  // Sends what waited for this endpoint.
  void drain(Attachment& attachment);
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
  // What every endpoint of the port can do itself.
  [[nodiscard]] Offloads offloads() const;
  [[nodiscard]] bool transmit_finished();
  [[nodiscard]] bool transmit_list();
  using Mask = uint64_t;  // a bit a frame of the batch
  static_assert(kBatch <= 64);
  [[nodiscard]] Mask send(Attachment& attachment);
  [[nodiscard]] Mask enqueue(Attachment& attachment, uint32_t from);
  void count_transmitted(const Frame& frame);
};

}  // namespace tsvde
