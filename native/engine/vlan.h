// The ports by which the frames of a VLAN leave, tagged or untagged (802.1Q-2018, 8.8.10 and 8.6.8.3). A port
// is a member of its untagged VLAN (its PVID) and of any number of tagged VLANs. The lists contain only
// members that are active and not discarding, so that a flood visits only these. Loop thread only.
#pragma once

#include <cstdint>
#include <vector>

namespace tsvde {

struct Port;

constexpr uint16_t kVlans = 4096;
constexpr uint16_t kNoVlan = 4095;  // as a port's untagged VLAN: the port has none

class Vlans {
 public:
  struct Members {
    std::vector<Port*> untagged, tagged;  // in ascending order
  };

  Vlans() : vlans_(kVlans) { vlans_[0].created = true; }

  // Whether the VLAN was created. The tag of any other VLAN is payload, unless the switch is strict.
  [[nodiscard]] bool created(uint16_t vlan) const { return vlans_[vlan].created; }
  void set_created(uint16_t vlan, bool created) { vlans_[vlan].created = created; }

  [[nodiscard]] const Members& members(uint16_t vlan) const { return vlans_[vlan].members; }
  // Membership. These functions take the memory for all lists in which the port can be, and throw
  // std::bad_alloc before they change anything. The functions below allocate nothing.
  void add(const Port& port);
  void set_member(Port& port, uint16_t vlan, bool member);
  // Sets the port's untagged VLAN, and removes the port from the previous one.
  void set_untagged(Port& port, uint16_t vlan);

  // Call this when a port, which has no endpoints, is removed.
  void remove(const Port& port);
  // Call this after a change of whether the port is active, discarding or the target of a mirror.
  void update(Port& port, uint16_t vlan);
  void update(Port& port);

 private:
  struct Vlan {
    Members members;
    uint32_t ports = 0;  // all members, active or not
    bool created = false;
  };
  void join(uint16_t vlan);
  std::vector<Vlan> vlans_;  // by VLAN ID
};

}  // namespace tsvde
