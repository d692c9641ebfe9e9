// The mirrors of a switch. A mirror copies the frames of selected ports, or of one VLAN, to a target port.
// The target port takes no other part in the switch: it is sent copies only, and its own frames are dropped.
// Loop thread only.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/frame.h"

namespace tsvde {

struct Port;

struct MirrorSettings {
  std::vector<uint32_t> ports{};  // the mirrored ports; empty: all ports, but only the frames of `vlan`
  uint16_t vlan = 0;
  bool received = true;     // whether frames that the switch receives from a port are copied
  bool transmitted = true;  // whether frames that the switch sends to a port are copied
};

class Mirrors {
 public:
  struct Mirror {
    uint32_t id;
    MirrorSettings settings;
    Port* to;
    uint64_t frames = 0;  // frames copied
    bool copied = false;  // whether the frame that is being routed was copied

    [[nodiscard]] bool selects(uint32_t port, uint16_t vlan, bool is_received) const;
  };

  [[nodiscard]] bool empty() const { return mirrors_.empty(); }
  [[nodiscard]] size_t count() const { return mirrors_.size(); }
  void add(uint32_t id, MirrorSettings settings, Port& to);
  // Removes a mirror. Returns its target, or null if there is no such mirror.
  Port* remove(uint32_t id);
  void forget_target(const Port& port);
  // Returns null if there is no such mirror.
  [[nodiscard]] const Mirror* find(uint32_t id) const;
  [[nodiscard]] bool has_target(const Port& port) const;

  // To be called before the first copy of each frame: a mirror copies a frame only once, even if the frame is
  // received from one mirrored port and sent to others.
  void begin(Frame& frame);
  // The frame of the last begin().
  [[nodiscard]] Frame& frame() const { return *frame_; }
  // Calls `copy(target)` for each mirror that selects the frame and has not copied it yet.
  template <typename Copy>
  void each(uint32_t port, bool received, Copy copy) {
    for (Mirror& mirror : mirrors_) {
      if (mirror.copied || !mirror.selects(port, frame_->vlan, received)) continue;
      mirror.copied = true;
      mirror.frames += frame_->frames();
      copy(*mirror.to);
    }
  }

 private:
  std::vector<Mirror> mirrors_;
  Frame* frame_ = nullptr;
};

}  // namespace tsvde
