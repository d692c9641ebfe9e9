// The forwarding decision: for each frame of a batch, which ports it leaves by. No descriptor, no clock, no
// thread. Only active ports are ever walked: a switch of 65535 ports with three in use costs what one of four
// does.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <vector>

#include "engine/batch.h"
#include "engine/mac_table.h"
#include "engine/port.h"

namespace tsvde {

class Switch {
 public:
  // Told of what happens while frames are routed. Must not block.
  class Observer {
   public:
    virtual ~Observer() = default;
    // An address turned up on another port than the one it is held for.
    virtual void seen_elsewhere(MacKey key, uint32_t from, uint32_t to) = 0;
    // For spanning tree; the frame is not forwarded. `size` is without a tag.
    virtual void bpdu(const Port& from, const Frame& frame) = 0;
    // Where capture is on: a frame that came, before anything is decided, or one that leaves.
    virtual void captured(const Port& port, const Frame& frame, bool received) = 0;
  };

  Switch(uint32_t mac_limit, Observer& observer) : macs(mac_limit), observer_(observer) {}

  // Ports
  [[nodiscard]] Port* port(uint32_t number) const;
  Port& add_port(uint32_t number);
  void remove_port(uint32_t number);
  [[nodiscard]] std::vector<const Port*> ports() const;
  // Follows whether the port has endpoints; one that lost its last also loses its addresses.
  void update_active(Port& port);

  // VLANs; each forgets the addresses that the change makes untrue
  void set_untagged_vlan(Port& port, uint16_t vlan);
  void set_member(Port& port, uint16_t vlan, bool member);
  void set_discarding(Port& port, uint16_t vlan, bool discarding);

  // Forwarding: adds each frame to the ports it leaves by, which then stand in touched(), each once.
  // At most kBatch at once.
  void route(Port& from, std::span<Frame> frames, Time now);
  [[nodiscard]] std::vector<Port*>& touched() { return touched_; }
  // Adds one frame to one port, whatever its state: a BPDU of our own.
  void leave_by(Port& port, Frame& frame);

  bool hub = false;
  bool strict_vlan = false;  // tags of a VLAN that was never created are refused and not payload
  bool takes_bpdus = false;
  bool capture = false;
  MacTable macs;
  Vlans vlans;

 private:
  [[nodiscard]] static bool admit(Port& from, Frame& frame);
  [[nodiscard]] bool classify(Port& from, Frame& frame) const;
  void hand_up(Port& from, const Frame& frame, uint32_t received, int64_t second);
  void learn(const Port& from, const Frame& frame, int64_t second);
  void forward(Port& from, Frame& frame);
  void flood(const Port& from, Frame& frame);
  void repeat(const Port& from, Frame& frame);
  void leave_by(Port& port, Frame& frame, bool tagged);
  [[gnu::noinline]] void leave_by_unusual(Port& port, Frame& frame);
  [[nodiscard]] Frame& other_view(Frame& frame);

  std::vector<std::unique_ptr<Port>> ports_;  // by number, with gaps
  std::vector<Port*> active_;                 // ascending
  std::vector<Port*> touched_;
  std::array<Frame, kBatch> views_;  // of this batch's frames, with a tag or without
  std::array<std::array<uint8_t, kTagSize>, kBatch> tags_;
  uint32_t views_used_ = 0;
  Time now_ = 0;  // of the last batch
  Observer& observer_;
};

}  // namespace tsvde
