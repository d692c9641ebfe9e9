// A memory region in a front end's file, mapped and guarded against truncation.
#pragma once

#include <atomic>
#include <cstdint>

#include "vhost/message.h"
#include "vhost/sigbus_guard.h"
#include "vhost/violation.h"

namespace tsvde::vhost {

class Mapping {
 public:
  Mapping() = default;
  Mapping(Mapping&& other) noexcept;
  Mapping& operator=(Mapping&& other) noexcept;
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping();

  // Maps a region of `file`, which the caller may close afterwards. With `sealed`, a file that can be
  // truncated is refused. `vanished`, which must outlive the mapping, is set when an access finds that the
  // file was truncated.
  [[nodiscard]] Violation map(const MemoryRegion& region, int file, bool sealed, std::atomic<bool>& vanished);
  [[nodiscard]] uint8_t* region() const { return region_; }

 private:
  void* begin_ = nullptr;
  size_t size_ = 0;
  uint8_t* region_ = nullptr;
  GuardedRange guard_;
};

}  // namespace tsvde::vhost
