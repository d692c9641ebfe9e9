// The memory that a front end shares, in at most 8 regions, with the translation of addresses. Memory outside
// the regions is never accessed. The guest can change the contents at any time.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <span>

#include "vhost/descriptors.h"
#include "vhost/mapping.h"
#include "vhost/message.h"
#include "vhost/violation.h"

namespace tsvde::vhost {

class MemoryTable {
 public:
  // `sealed`: only files that cannot shrink are accepted.
  explicit MemoryTable(bool sealed = false) : sealed_(sealed) {}
  MemoryTable(const MemoryTable&) = delete;
  MemoryTable& operator=(const MemoryTable&) = delete;

  // Replaces all regions. `files` has a file for each region. After a violation the table is unchanged.
  [[nodiscard]] Violation replace(std::span<const MemoryRegion> regions, const Descriptors& files);

  [[nodiscard]] bool empty() const { return count_ == 0; }
  [[nodiscard]] uint64_t size() const;  // of all regions
  // Returns whether a file was truncated; its region may then read as zeroes.
  [[nodiscard]] bool vanished() const { return vanished_; }

  // Returns the memory at a guest address: `size` bytes, or fewer if the region ends before. Empty if the
  // address is in no region.
  [[nodiscard]] std::span<uint8_t> at_guest(uint64_t address, uint64_t size) const {
    for (const Region& region : std::span(regions_).first(count_)) {
      const uint64_t offset = address - region.guest;  // wraps for a lower address
      if (offset < region.size) return {region.bytes + offset, std::min(size, region.size - offset)};
    }
    return {};
  }
  // Returns the memory at a range of guest addresses; null unless the range is within one region.
  [[nodiscard]] uint8_t* all_at_guest(uint64_t address, uint64_t size) const {
    const auto found = at_guest(address, size);
    return found.size() == size ? found.data() : nullptr;
  }
  // Does the same for addresses in the front end's process.
  [[nodiscard]] uint8_t* all_at_user(uint64_t address, uint64_t size) const;

 private:
  struct Region {
    uint64_t guest = 0;
    uint64_t size = 0;
    uint8_t* bytes = nullptr;
    uint64_t user = 0;
  };

  std::atomic<bool> vanished_ = false;  // outlives the mappings
  bool sealed_;
  uint32_t count_ = 0;
  std::array<Region, kRegionsMost> regions_;
  std::array<Mapping, kRegionsMost> mappings_;
};

}  // namespace tsvde::vhost
