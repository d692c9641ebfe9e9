// A model of the switch: what each frame becomes and where it goes is found by looking at all ports. It has
// no limits, and knows nothing of endpoints but that a port has them.
#pragma once

#include <map>
#include <set>
#include <vector>

#include "fuzz/target.h"

namespace tsvde::fuzz {

using Bytes = std::vector<uint8_t>;

class SwitchModel {
 public:
  static constexpr uint16_t kNone = 4095;  // as a port's untagged VLAN
  struct Port {
    bool active = false;  // whether it has an endpoint
    uint16_t untagged = 0;
    std::set<uint16_t> members{0};
    std::set<uint16_t> blocked{};
  };

  std::map<uint32_t, Port> ports;
  std::set<uint16_t> created{0};
  bool hub = false;
  bool strict_vlan = false;
  bool takes_bpdus = false;

  // Calls `leaves(number, frame)` for each port by which the frame leaves, with the bytes that it has there.
  template <typename Leaves>
  void route(uint32_t from, Bytes frame, Leaves leaves) {
    if (frame.size() < 14 || frame.size() > 65535) return;
    pad(frame);
    const bool has_tag = frame[12] == 0x81 && frame[13] == 0x00;
    const auto tag = static_cast<uint16_t>((frame[14] << 8 | frame[15]) & 0xfff);
    const bool tagged = has_tag && (strict_vlan || created.contains(tag));
    const uint16_t vlan = tagged ? tag : ports[from].untagged;
    const Bytes destination(frame.begin(), frame.begin() + 6);
    const bool is_bpdu = destination == Bytes{0x01, 0x80, 0xc2, 0x00, 0x00, 0x00};
    if (!hub) {
      if (!passes(ports[from], vlan) || (takes_bpdus && is_bpdu)) return;
      const Bytes source(frame.begin() + 6, frame.begin() + 12);
      if (source[0] % 2 == 0) addresses_[{vlan, source}] = from;
    }
    const auto known = addresses_.find({vlan, destination});
    for (const auto& [number, port] : ports) {
      if (number == from || !port.active) continue;
      if (hub) {
        if (number != 0) leaves(number, frame);
        continue;
      }
      if (known != addresses_.end() && known->second != number) continue;
      require(passes(port, vlan) || known == addresses_.end(),
              "no address is known behind a port that is shut");
      if (passes(port, vlan)) leaves(number, as_on(port, frame, vlan, tagged));
    }
  }

  [[nodiscard]] size_t addresses() const { return addresses_.size(); }
  void forget() { addresses_.clear(); }
  void forget(uint32_t number) {
    std::erase_if(addresses_, [&](const auto& entry) { return entry.second == number; });
  }
  void forget(uint32_t number, uint16_t vlan) {
    std::erase_if(addresses_,
                  [&](const auto& entry) { return entry.second == number && entry.first.first == vlan; });
  }

 private:
  static bool passes(const Port& port, uint16_t vlan) {
    return port.members.contains(vlan) && !port.blocked.contains(vlan);
  }

  static void pad(Bytes& frame) { frame.resize(std::max<size_t>(frame.size(), 60)); }

  static Bytes as_on(const Port& port, Bytes frame, uint16_t vlan, bool tagged) {
    const bool wanted = port.untagged != vlan;
    if (wanted && !tagged) {
      const Bytes tag = {0x81, 0x00, static_cast<uint8_t>(vlan >> 8), static_cast<uint8_t>(vlan)};
      frame.insert(frame.begin() + 12, tag.begin(), tag.end());
    } else if (!wanted && tagged) {
      frame.erase(frame.begin() + 12, frame.begin() + 16);
      pad(frame);
    }
    return frame;
  }

  std::map<std::pair<uint16_t, Bytes>, uint32_t> addresses_;
};

}  // namespace tsvde::fuzz
