// The file descriptors of one message, in order. Descriptors that are not taken are closed.
#pragma once

#include <array>
#include <cstdint>

#include "engine/fd.h"
#include "vhost/message.h"

namespace tsvde::vhost {

class Descriptors {
 public:
  static constexpr uint32_t kMost = kRegionsMost;

  [[nodiscard]] uint32_t count() const { return count_; }
  // Returns false, and closes the descriptor, if there is no room.
  [[nodiscard]] bool add(Fd fd) {
    if (count_ == kMost) return false;
    all_[count_++] = std::move(fd);
    return true;
  }
  [[nodiscard]] int number(uint32_t index) const { return all_[index].number(); }
  // Passes ownership of a descriptor to the caller.
  [[nodiscard]] Fd take(uint32_t index) { return std::move(all_[index]); }
  void clear() {
    for (uint32_t i = 0; i < count_; i++) Fd(std::move(all_[i]));
    count_ = 0;
  }

 private:
  std::array<Fd, kMost> all_;
  uint32_t count_ = 0;
};

}  // namespace tsvde::vhost
