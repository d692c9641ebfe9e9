#include "engine/vlan.h"

#include <algorithm>

#include "engine/port.h"

namespace tsvde {
namespace {

void place(std::vector<Port*>& ports, Port& port, bool wanted) {
  const auto by_number = [](const Port* a, const Port* b) { return a->number < b->number; };
  const auto at = std::ranges::lower_bound(ports, &port, by_number);
  const bool there = at != ports.end() && *at == &port;
  if (wanted && !there) ports.insert(at, &port);
  if (!wanted && there) ports.erase(at);
}

}  // namespace

void Vlans::update(Port& port, uint16_t vlan) {
  const bool leaves =
      !port.attachments.empty() && !port.mirror_target && port.member_of[vlan] && !port.discarding[vlan];
  const bool untagged = vlan == port.untagged_vlan;
  place(vlans_[vlan].members.untagged, port, leaves && untagged);
  place(vlans_[vlan].members.tagged, port, leaves && !untagged);
}

void Vlans::update(Port& port) {
  for (uint16_t vlan = 0; vlan < kVlans; vlan++) {
    if (port.member_of[vlan]) update(port, vlan);
  }
}

void Vlans::set_untagged(Port& port, uint16_t vlan) {
  const uint16_t before = port.untagged_vlan;
  port.untagged_vlan = vlan;
  port.member_of[before] = false;
  port.member_of[vlan] = vlan != kNoVlan;
  update(port, before);
  update(port, vlan);
}

}  // namespace tsvde
