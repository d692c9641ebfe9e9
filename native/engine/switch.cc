#include "engine/switch.h"

#include <algorithm>

namespace tsvde {
namespace {

constexpr uint16_t kVlan = 0;  // one VLAN so far: the key of an address has room for it already

}  // namespace

Port* Switch::port(uint32_t number) const {
  return number < ports_.size() ? ports_[number].get() : nullptr;
}

Port& Switch::add_port(uint32_t number) {
  if (ports_.size() <= number) ports_.resize(number + 1);
  if (!ports_[number]) ports_[number] = std::make_unique<Port>(number);
  macs.add_port(number);
  return *ports_[number];
}

void Switch::remove_port(uint32_t number) {
  Port* gone = port(number);
  if (gone == nullptr) return;
  gone->attachments.clear();
  update_active(*gone);
  ports_[number].reset();
}

std::vector<const Port*> Switch::ports() const {
  std::vector<const Port*> all;
  for (const auto& port : ports_) {
    if (port) all.push_back(port.get());
  }
  return all;
}

void Switch::update_active(Port& port) {
  const auto by_number = [](const Port* a, const Port* b) { return a->number < b->number; };
  const auto place = std::lower_bound(active_.begin(), active_.end(), &port, by_number);
  const bool was_active = place != active_.end() && *place == &port;
  const bool is_active = !port.attachments.empty();
  if (is_active == was_active) return;
  if (is_active) {
    active_.insert(place, &port);
    touched_.reserve(active_.size());
  } else {
    active_.erase(place);
    macs.forget_port(port.number);
  }
}

void Switch::route(Port& from, std::span<Frame> frames, int64_t now) {
  for (Frame& frame : frames) {
    if (!admit(from, frame)) continue;
    if (hub) {
      flood(from, frame);
      continue;
    }
    learn(from, frame, now);
    forward(from, frame);
  }
}

bool Switch::admit(Port& from, Frame& frame) {
  if (frame.size() < kFrameHeader) {
    from.counters[receive_drop_too_short]++;
    return false;
  }
  if (frame.size() > kFrameMax) {
    from.counters[receive_drop_too_long]++;
    return false;
  }
  frame.pad();
  frame.classify();
  from.count_received(frame);
  return true;
}

// A group address is nobody's own (802.1D-2004, 7.8): it is not learned, and its frame goes on.
void Switch::learn(const Port& from, const Frame& frame, int64_t now) {
  if (frame.source_is_group()) return;
  const MacKey key = frame.source(kVlan);
  const auto [outcome, previous] = macs.learn(key, from.number, now);
  switch (outcome) {
    case MacTable::Learned::added:
    case MacTable::Learned::refreshed:
      return;
    case MacTable::Learned::moved:
    case MacTable::Learned::held:
      seen_elsewhere_(key, previous, from.number);
  }
}

void Switch::forward(Port& from, Frame& frame) {
  if (frame.cast != Cast::unicast) return flood(from, frame);
  const auto known = macs.find(frame.destination(kVlan));
  if (!known) return flood(from, frame);
  if (*known == from.number) {
    from.counters[receive_drop_same_port]++;
    return;
  }
  leave_by(*ports_[*known], frame);
}

// A hub never repeats to port 0, as in vde_switch, where that port is for listening programs' own traffic.
void Switch::flood(const Port& from, Frame& frame) {
  for (Port* port : active_) {
    if (port != &from && !(hub && port->number == 0)) leave_by(*port, frame);
  }
}

void Switch::leave_by(Port& port, Frame& frame) {
  if (port.outgoing_count == 0) touched_.push_back(&port);
  port.add(&frame);
}

}  // namespace tsvde
