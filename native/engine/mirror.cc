#include "engine/mirror.h"

#include <algorithm>

namespace tsvde {

bool Mirrors::Mirror::selects(uint32_t port, uint16_t vlan, bool is_received) const {
  if (!(is_received ? settings.received : settings.transmitted)) return false;
  if (settings.ports.empty()) return vlan == settings.vlan;
  return std::ranges::find(settings.ports, port) != settings.ports.end();
}

void Mirrors::add(uint32_t id, MirrorSettings settings, Port& to) {
  mirrors_.push_back({.id = id, .settings = std::move(settings), .to = &to});
}

Port* Mirrors::remove(uint32_t id) {
  const auto found = std::ranges::find(mirrors_, id, &Mirror::id);
  if (found == mirrors_.end()) return nullptr;
  Port* to = found->to;
  mirrors_.erase(found);
  return to;
}

void Mirrors::forget_target(const Port& port) {
  std::erase_if(mirrors_, [&](const Mirror& mirror) { return mirror.to == &port; });
}

const Mirrors::Mirror* Mirrors::find(uint32_t id) const {
  const auto found = std::ranges::find(mirrors_, id, &Mirror::id);
  return found == mirrors_.end() ? nullptr : &*found;
}

bool Mirrors::has_target(const Port& port) const {
  return std::ranges::find(mirrors_, &port, &Mirror::to) != mirrors_.end();
}

void Mirrors::begin(Frame& frame) {
  frame_ = &frame;
  for (Mirror& mirror : mirrors_) mirror.copied = false;
}

}  // namespace tsvde
