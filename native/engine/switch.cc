#include "engine/switch.h"

#include <algorithm>

#include "engine/room.h"

namespace tsvde {
namespace {

// The destination address of BPDUs (802.1Q-2018, table 8-1): 01:80:c2:00:00:00, its first byte lowest.
constexpr MacKey kBridgeGroup = 0x00'00'00'c2'80'01;
// How many BPDUs are accepted from a port per second, in addition to one for each of its VLANs, since the
// hellos of all VLANs come at once. The limit keeps a flood of BPDUs from occupying the control plane.
constexpr uint32_t kBpduRate = 256;

}  // namespace

Port* Switch::port(uint32_t number) const {
  return number < ports_.size() ? ports_[number].get() : nullptr;
}

Port& Switch::add_port(uint32_t number) {
  if (Port* known = port(number)) return *known;
  auto made = std::make_unique<Port>(number);
  made->drop_observer = drops_observed_ ? &observer_ : nullptr;
  macs.add_port(number);
  if (ports_.size() <= number) ports_.resize(number + 1);
  ensure_room(active_, port_count_ + 1);
  ensure_room(touched_, port_count_ + 1);
  vlans.add(*made);
  ports_[number] = std::move(made);
  port_count_++;
  return *ports_[number];
}

void Switch::observe_drops(bool wanted) {
  drops_observed_ = wanted;
  for (const auto& port : ports_) {
    if (port) port->drop_observer = wanted ? &observer_ : nullptr;
  }
}

void Switch::remove_port(uint32_t number) {
  Port* gone = port(number);
  if (gone == nullptr) return;
  gone->attachments.clear();
  mirrors_.forget_target(*gone);
  update_active(*gone);
  vlans.remove(*gone);
  ports_[number].reset();
  port_count_--;
}

void Switch::update_active(Port& port) {
  const auto by_number = [](const Port* a, const Port* b) { return a->number < b->number; };
  const auto place = std::lower_bound(active_.begin(), active_.end(), &port, by_number);
  const bool was_active = place != active_.end() && *place == &port;
  const bool is_active = !port.attachments.empty() && !port.mirror_target;
  if (is_active == was_active) return;
  if (is_active) {
    active_.insert(place, &port);
  } else {
    active_.erase(place);
    macs.forget_port(port.number);
  }
  vlans.update(port);
}

void Switch::set_untagged_vlan(Port& port, uint16_t vlan) {
  if (vlan == port.untagged_vlan) return;
  const uint16_t before = port.untagged_vlan;
  vlans.set_untagged(port, vlan);
  macs.forget_port(port.number, before);
}

void Switch::set_member(Port& port, uint16_t vlan, bool member) {
  if (!member) macs.forget_port(port.number, vlan);
  vlans.set_member(port, vlan, member);
}

void Switch::set_discarding(Port& port, uint16_t vlan, bool discarding) {
  if (discarding) macs.forget_port(port.number, vlan);
  port.discarding[vlan] = discarding;
  vlans.update(port, vlan);
}

void Switch::add_mirror(uint32_t id, MirrorSettings settings, Port& to) {
  ensure_room(copied_to_, mirrors_.count() + 1);
  mirrors_.add(id, std::move(settings), to);
  to.mirror_target = true;
  update_active(to);
}

Port* Switch::remove_mirror(uint32_t id) {
  Port* to = mirrors_.remove(id);
  if (to == nullptr || mirrors_.has_target(*to)) return nullptr;
  to->mirror_target = false;
  update_active(*to);
  return to;
}

void Switch::route(Port& from, std::span<Frame> frames, Time now) {
  const int64_t second = now / kSecond;
  now_ = now;
  views_used_ = 0;
  for (Frame& frame : frames) {
    const uint32_t received_size = frame.size();
    if (!admit(from, frame)) continue;
    if (observed && !observe(from, frame)) [[unlikely]]
      continue;
    if (hub) {
      repeat(from, frame);
    } else if (!classify(from, frame)) {
      from.drop(frame, receive_drop_vlan, frame.frames());
    } else if (takes_bpdus && frame.destination(0) == kBridgeGroup) {
      hand_up(from, frame, received_size, second);
    } else if (from.discarding[frame.vlan]) {
      from.drop(frame, receive_drop_discarding, frame.frames());
    } else {
      learn(from, frame, second);
      forward(from, frame);
    }
  }
}

bool Switch::admit(Port& from, Frame& frame) {
  if (frame.size() < kFrameHeader) {
    from.drop(frame, receive_drop_too_short, 1);
    return false;
  }
  if (frame.largest() > kFrameMax) {
    from.drop(frame, receive_drop_too_long, 1);
    return false;
  }
  frame.pad();
  frame.set_cast();
  frame.other_view = nullptr;
  from.count_received(frame);
  return true;
}

// Sets the frame's VLAN (802.1Q-2018, 6.9): the VLAN of its tag, or the port's untagged VLAN if the frame has
// no tag or its tag is payload. Returns whether the port is a member of the frame's VLAN.
bool Switch::classify(const Port& from, Frame& frame) const {
  frame.tagged = frame.ether_type() == kTpid && (strict_vlan || vlans.created(frame.vlan_id()));
  frame.vlan = frame.tagged ? frame.vlan_id() : from.untagged_vlan;
  return from.member_of[frame.vlan];
}

// Shows a received frame to captures and mirrors. Returns whether the frame is forwarded: the target of a
// mirror may send nothing. A frame that is dropped because of its VLAN is not mirrored.
bool Switch::observe(Port& from, Frame& frame) {
  if (frame.borrowed) frame.gather();
  observer_.captured(from, frame, true);
  if (from.mirror_target) {
    from.drop(frame, receive_drop_mirror, frame.frames());
    return false;
  }
  if (mirrors_.empty()) return true;
  mirrors_.begin(frame);
  if (classify(from, frame) || hub) mirror(from, true);
  return true;
}

// Copies the frame to the mirrors that select it and have not copied it yet. Copies are tagged like forwarded
// frames: a target sees the tag of every VLAN but its untagged one. A hub changes no tags.
void Switch::mirror(const Port& port, bool received) {
  mirrors_.each(port.number, received, [this](Port& to) {
    if (to.attachments.empty()) return;
    Frame& frame = mirrors_.frame();
    const bool tagged = to.untagged_vlan != frame.vlan;
    Frame& copy = hub || frame.tagged == tagged ? frame : other_view(frame);
    observer_.captured(to, copy, false);
    if (to.outgoing_count == 0) copied_to_.push_back(&to);
    to.add(&copy, now_);
  });
}

void Switch::hand_up(Port& from, Frame& frame, uint32_t received_size, int64_t second) {
  if (frame.borrowed) frame.gather();
  // A truncated BPDU is dropped: the zeroes of its padding would be taken for its missing fields.
  if (frame.data_end() > received_size) {
    from.drop(frame, receive_drop_too_short, 1);
    return;
  }
  if (from.bpdus_counted_at != second) {
    from.bpdus_counted_at = second;
    from.bpdus_left = kBpduRate + static_cast<uint32_t>(from.member_of.count());
  }
  if (from.bpdus_left == 0) {
    from.drop(frame, receive_drop_bpdu_rate, 1);
    return;
  }
  from.bpdus_left--;
  observer_.bpdu(from, frame);
}

// Learns the source address. A group address is not learned (802.1D-2004, 7.8), but its frame is still
// forwarded.
void Switch::learn(const Port& from, const Frame& frame, int64_t second) {
  if (frame.source_is_group()) return;
  const MacKey key = frame.source(frame.vlan);
  const auto learning = macs.learn(key, from.number, second);
  if (learning.outcome >= MacTable::Learned::moved) [[unlikely]]
    report(learning, key, from);
}

void Switch::report(MacTable::Learning learning, MacKey key, const Port& seen_on) {
  const auto [outcome, previous] = learning;
  if (outcome == MacTable::Learned::flapping) {
    observer_.flapping(key, previous, seen_on.number, macs.damped_seconds(key, now_ / kSecond));
  } else {
    observer_.moved(key, previous, seen_on.number, outcome == MacTable::Learned::moved_again);
  }
}

void Switch::forward(Port& from, Frame& frame) {
  if (frame.cast != Cast::unicast) return flood(from, frame);
  const auto known = macs.find(frame.destination(frame.vlan));
  if (!known) return flood(from, frame);
  if (*known == from.number) {
    from.drop(frame, receive_drop_same_port, frame.frames());
    return;
  }
  Port& to = *ports_[*known];
  leave_by(to, frame, to.untagged_vlan != frame.vlan);
}

void Switch::flood(const Port& from, Frame& frame) {
  const auto& [untagged, tagged] = vlans.members(frame.vlan);
  for (Port* port : untagged) {
    if (port != &from) leave_by(*port, frame, false);
  }
  for (Port* port : tagged) {
    if (port != &from) leave_by(*port, frame, true);
  }
}

// Sends a frame to all other ports. A hub ignores VLANs. Like a hub of vde_switch, it never sends to port 0,
// so a client on port 0 can only send.
void Switch::repeat(const Port& from, Frame& frame) {
  for (Port* port : active_) {
    if (port != &from && port->number != 0) leave_by(*port, frame);
  }
}

void Switch::send(Port& port, Frame& frame) {
  if (port.mirror_target) return;
  views_used_ = 0;
  frame.other_view = nullptr;
  if (observed && !mirrors_.empty()) {
    mirrors_.begin(frame);
    (void)classify(port, frame);
  }
  leave_by(port, frame);
}

void Switch::leave_by(Port& port, Frame& frame, bool tagged) {
  leave_by(port, frame.tagged == tagged ? frame : other_view(frame));
}

void Switch::leave_by(Port& port, Frame& frame) {
  // One comparison checks that the port is already in touched_ and that it has room.
  const bool usual = port.outgoing_count - 1 < kBatch - 1;
  if (!usual || observed) [[unlikely]]
    return leave_by_unusual(port, frame);
  port.add(&frame, now_);
}

void Switch::leave_by_unusual(Port& port, Frame& frame) {
  if (observed) {
    observer_.captured(port, frame, false);
    if (!mirrors_.empty()) mirror(port, false);
  }
  if (port.outgoing_count == 0) touched_.push_back(&port);
  port.add(&frame, now_);
}

Frame& Switch::other_view(Frame& frame) {
  if (frame.other_view != nullptr) return *frame.other_view;
  if (frame.borrowed) frame.gather();
  Frame& view = views_[views_used_];
  if (frame.tagged) {
    frame.make_untagged_view(view);
  } else {
    frame.make_tagged_view(view, tags_[views_used_].data());
  }
  views_used_++;
  frame.other_view = &view;
  return view;
}

}  // namespace tsvde
