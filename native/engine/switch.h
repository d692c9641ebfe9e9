// The forwarding decision: for each frame of a batch, the ports by which it leaves. There are no descriptors,
// clocks or threads here. Only active ports, which have an endpoint, are visited, so that three ports in use
// cost the same in a switch of 65535 ports as in one of four.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <vector>

#include "engine/batch.h"
#include "engine/mac_table.h"
#include "engine/mirror.h"
#include "engine/port.h"

namespace tsvde {

// The ports in a vector that has gaps, for a range-based for. Not a view of std::views, which clang 14 cannot
// compile.
class PortView {
 public:
  using Slots = std::vector<std::unique_ptr<Port>>;
  class Iterator {
   public:
    Iterator(const Slots& slots, size_t at) : slots_(&slots), at_(at) { skip_gaps(); }
    const Port* operator*() const { return (*slots_)[at_].get(); }
    Iterator& operator++() {
      at_++;
      skip_gaps();
      return *this;
    }
    bool operator!=(const Iterator& other) const { return at_ != other.at_; }

   private:
    void skip_gaps() {
      while (at_ < slots_->size() && !(*slots_)[at_]) at_++;
    }
    const Slots* slots_;
    size_t at_;
  };

  explicit PortView(const Slots& slots) : slots_(&slots) {}
  [[nodiscard]] Iterator begin() const { return {*slots_, 0}; }
  [[nodiscard]] Iterator end() const { return {*slots_, slots_->size()}; }

 private:
  const Slots* slots_;
};

class Switch {
 public:
  // The observer's functions are called while frames are routed, and must not block.
  class Observer : public DropObserver {
   public:
    // An address moved to another port. `again`: the outcome was MacTable::Learned::moved_again.
    virtual void moved(MacKey key, uint32_t from, uint32_t to, bool again) = 0;
    // An address was seen on `elsewhere`, but has moved so often that it stays on `port` for `seconds`.
    // Called once in this time.
    virtual void flapping(MacKey key, uint32_t port, uint32_t elsewhere, int64_t seconds) = 0;
    // A BPDU was received, for spanning tree. It is not forwarded.
    virtual void bpdu(const Port& from, const Frame& frame) = 0;
    // While `observed` is true, called for each frame received, after its admission and before it is
    // filtered, and for each frame transmitted.
    virtual void captured(const Port& port, const Frame& frame, bool received) = 0;
  };

  Switch(uint32_t mac_limit, Observer& observer) : macs(mac_limit), observer_(observer) {}

  // Functions that say so throw std::bad_alloc, and have changed nothing then. All others allocate nothing.

  // Ports
  [[nodiscard]] Port* port(uint32_t number) const;
  // Throws std::bad_alloc. Returns the port if it exists already.
  Port& add_port(uint32_t number);
  void remove_port(uint32_t number);
  // Returns a view of all ports, as `const Port*`, in ascending order.
  [[nodiscard]] PortView ports() const { return PortView(ports_); }
  [[nodiscard]] uint32_t port_count() const { return port_count_; }
  // Call this when the port has gained or lost an endpoint, or has become or ceased to be the target of a
  // mirror. The addresses of a port without endpoints, and of a target, are forgotten.
  void update_active(Port& port);

  // Sets whether the observer is told of each frame that a port drops. Frames that an endpoint itself rejects
  // are only counted.
  void observe_drops(bool wanted);

  // VLANs. Each function forgets the addresses that become invalid. The first two throw std::bad_alloc.
  void set_untagged_vlan(Port& port, uint16_t vlan);
  void set_member(Port& port, uint16_t vlan, bool member);
  void set_discarding(Port& port, uint16_t vlan, bool discarding);

  // Mirrors. A mirror's target must not be one of its mirrored ports. Throws std::bad_alloc.
  void add_mirror(uint32_t id, MirrorSettings settings, Port& to);
  // Returns the target if it is no longer the target of a mirror, otherwise null.
  Port* remove_mirror(uint32_t id);
  [[nodiscard]] const Mirrors& mirrors() const { return mirrors_; }

  // Forwards frames, at most kBatch: adds each frame to the ports by which it leaves. touched() then contains
  // these ports, each once, and copied_to() the targets of mirrors that get a copy. All of them must transmit
  // before the next call.
  void route(Port& from, std::span<Frame> frames, Time now);
  [[nodiscard]] std::vector<Port*>& touched() { return touched_; }
  [[nodiscard]] std::vector<Port*>& copied_to() { return copied_to_; }
  // Adds a frame of our own, such as a BPDU, to one port, even if spanning tree blocks that port. Does
  // nothing if the port is the target of a mirror.
  void send(Port& port, Frame& frame);

  bool hub = false;
  // Whether frames tagged with a VLAN that was never created are dropped; if not, such a tag is payload.
  bool strict_vlan = false;
  bool takes_bpdus = false;
  bool observed = false;  // whether there are captures, mirrors or frame events
  MacTable macs;
  Vlans vlans;

 private:
  [[nodiscard]] static bool admit(Port& from, Frame& frame);
  [[nodiscard]] bool classify(const Port& from, Frame& frame) const;
  [[gnu::noinline]] bool observe(Port& from, Frame& frame);
  void mirror(const Port& port, bool received);
  void hand_up(Port& from, Frame& frame, uint32_t received_size, int64_t second);
  void learn(const Port& from, const Frame& frame, int64_t second);
  [[gnu::noinline]] void report(MacTable::Learning learning, MacKey key, const Port& seen_on);
  void forward(Port& from, Frame& frame);
  void flood(const Port& from, Frame& frame);
  void repeat(const Port& from, Frame& frame);
  // Always inlined, which GCC would not do by itself: a call would cost a tenth more instructions for each
  // copy of a flood.
  [[gnu::always_inline]] inline void leave_by(Port& port, Frame& frame);
  [[gnu::always_inline]] inline void leave_by(Port& port, Frame& frame, bool tagged);
  [[gnu::noinline]] void leave_by_unusual(Port& port, Frame& frame);
  [[nodiscard]] Frame& other_view(Frame& frame);

  std::vector<std::unique_ptr<Port>> ports_;  // by number, with gaps
  uint32_t port_count_ = 0;
  // The next two have room for all ports.
  std::vector<Port*> active_;  // in ascending order, without the targets of mirrors
  std::vector<Port*> touched_;
  Mirrors mirrors_;
  std::vector<Port*> copied_to_;
  std::array<Frame, kBatch> views_;  // the tagged or untagged views of this batch's frames
  std::array<std::array<uint8_t, kTagSize>, kBatch> tags_;
  uint32_t views_used_ = 0;
  Time now_ = 0;  // the time of the last batch
  Observer& observer_;
  bool drops_observed_ = false;
};

}  // namespace tsvde
