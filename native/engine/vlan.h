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
  // Call this after a change of the port's membership, or of whether it is active, discarding or the target
  // of a mirror.
  void update(Port& port, uint16_t vlan);
  void update(Port& port);
  // Sets the port's untagged VLAN, and removes the port from the previous one.
  void set_untagged(Port& port, uint16_t vlan);

 private:
  struct Vlan {
    Members members;
    bool created = false;
  };
  std::vector<Vlan> vlans_;  // by VLAN ID
};

}  // namespace tsvde
