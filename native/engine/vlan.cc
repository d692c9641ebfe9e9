#include "engine/vlan.h"

#include <algorithm>

#include "engine/port.h"
#include "engine/room.h"

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

void Vlans::join(uint16_t vlan) {
  auto& [members, ports, created] = vlans_[vlan];
  ensure_room(members.untagged, ports + 1);
  ensure_room(members.tagged, ports + 1);
  ports++;
}

// A new port is a member of one VLAN.
void Vlans::add(const Port& port) {
  join(port.untagged_vlan);
}

void Vlans::remove(const Port& port) {
  for (uint16_t vlan = 0; vlan < kVlans; vlan++) {
    if (port.member_of[vlan]) vlans_[vlan].ports--;
  }
}

void Vlans::set_member(Port& port, uint16_t vlan, bool member) {
  if (member == port.member_of[vlan]) return;
  if (member)
    join(vlan);
  else
    vlans_[vlan].ports--;
  port.member_of[vlan] = member;
  update(port, vlan);
}

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
  if (vlan != kNoVlan && !port.member_of[vlan]) join(vlan);
  if (port.member_of[before]) vlans_[before].ports--;
  port.untagged_vlan = vlan;
  port.member_of[before] = false;
  port.member_of[vlan] = vlan != kNoVlan;
  update(port, before);
  update(port, vlan);
}

}  // namespace tsvde
