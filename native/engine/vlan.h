// Which ports a VLAN's frames leave by, tagged or untagged (802.1Q-2018, 8.8.10 and 8.6.8.3). A port is a
// member of its untagged VLAN (its PVID) and of any number of VLANs whose frames it takes with their tag.
// Only members that are active and not discarding stand in the lists, so that a flood walks nobody else. Loop
// thread only.
#pragma once

#include <cstdint>
#include <vector>

namespace tsvde {

struct Port;

constexpr uint16_t kVlans = 4096;
constexpr uint16_t kNoVlan = 4095;  // as a port's untagged VLAN: it takes no untagged frames

class Vlans {
 public:
  struct Members {
    std::vector<Port*> untagged, tagged;  // ascending
  };

  Vlans() : vlans_(kVlans) { vlans_[0].created = true; }

  // Tags of a VLAN that was never created are payload, where the switch is not strict.
  [[nodiscard]] bool created(uint16_t vlan) const { return vlans_[vlan].created; }
  void set_created(uint16_t vlan, bool created) { vlans_[vlan].created = created; }

  [[nodiscard]] const Members& members(uint16_t vlan) const { return vlans_[vlan].members; }
  // What has changed is on the port already: it joined or left, is discarding or not, became active or
  // inactive.
  void update(Port& port, uint16_t vlan);
  void update(Port& port);
  // The port leaves its old untagged VLAN.
  void set_untagged(Port& port, uint16_t vlan);

 private:
  struct Vlan {
    Members members;
    bool created = false;
  };
  std::vector<Vlan> vlans_;  // by VID
};

}  // namespace tsvde
