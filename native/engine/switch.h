// The forwarding decision: for each frame of a batch, which ports it leaves by. No descriptor, no clock, no
// thread. Only active ports are ever walked: a switch of 65535 ports with three in use costs what one of four
// does.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "engine/mac_table.h"
#include "engine/port.h"

namespace tsvde {

class Switch {
 public:
  // Told of an address that turned up on another port than the one it is held for.
  using SeenElsewhere = std::function<void(MacKey key, uint32_t from, uint32_t to)>;

  Switch(uint32_t mac_limit, SeenElsewhere seen_elsewhere)
      : macs(mac_limit), seen_elsewhere_(std::move(seen_elsewhere)) {}

  // Ports
  [[nodiscard]] Port* port(uint32_t number) const;
  Port& add_port(uint32_t number);
  void remove_port(uint32_t number);
  [[nodiscard]] std::vector<const Port*> ports() const;
  // Follows whether the port has endpoints; one that lost its last also loses its addresses.
  void update_active(Port& port);

  // Forwarding: adds each frame to the ports it leaves by, which then stand in touched(), each once.
  void route(Port& from, std::span<Frame> frames, int64_t now);
  [[nodiscard]] std::vector<Port*>& touched() { return touched_; }

  bool hub = false;
  MacTable macs;

 private:
  [[nodiscard]] static bool admit(Port& from, Frame& frame);
  void learn(const Port& from, const Frame& frame, int64_t now);
  void forward(Port& from, Frame& frame);
  void flood(const Port& from, Frame& frame);
  void leave_by(Port& port, Frame& frame);

  std::vector<std::unique_ptr<Port>> ports_;  // by number, with gaps
  std::vector<Port*> active_;                 // ascending
  std::vector<Port*> touched_;
  SeenElsewhere seen_elsewhere_;
};

}  // namespace tsvde
