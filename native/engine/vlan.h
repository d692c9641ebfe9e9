// The ports by which the frames of a VLAN leave, tagged or untagged (802.1Q-2018, 8.8.10 and 8.6.8.3). A port
// is a member of its untagged VLAN (its PVID) and of any number of tagged ones. The lists contain only
// members that are active and not discarding, so that a flood visits no others. Loop thread only.
#pragma once

#include <cstdint>
#include <vector>

namespace tsvde {

struct Port;

constexpr uint16_t kVlans = 4096;
constexpr uint16_t kNoVlan = 4095;  // as the untagged VLAN of a port: it takes no untagged frames

class Vlans {
 public:
  struct Members {
    std::vector<Port*> untagged, tagged;  // ascending
  };

  Vlans() : vlans_(kVlans) { vlans_[0].created = true; }

  // The tag of a VLAN that was never created is payload, unless the switch is strict.
  [[nodiscard]] bool created(uint16_t vlan) const { return vlans_[vlan].created; }
  void set_created(uint16_t vlan, bool created) { vlans_[vlan].created = created; }

  [[nodiscard]] const Members& members(uint16_t vlan) const { return vlans_[vlan].members; }
  // To be called when the port has been changed: its membership, whether it is discarding, or whether it is
  // active.
  void update(Port& port, uint16_t vlan);
  void update(Port& port);
  // Also removes the port from its old untagged VLAN.
  void set_untagged(Port& port, uint16_t vlan);

 private:
  struct Vlan {
    Members members;
    bool created = false;
  };
  std::vector<Vlan> vlans_;  // by VID
};

}  // namespace tsvde
