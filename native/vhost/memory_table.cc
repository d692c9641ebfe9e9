#include "vhost/memory_table.h"

namespace tsvde::vhost {
namespace {

// The smallest page size of any host and guest. Since regions are aligned, the alignment of a ring can be
// checked by its address.
constexpr uint64_t kPage = 4096;

bool overlap(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size) {
  return a < b + b_size && b < a + a_size;
}

Violation check(const MemoryRegion& region) {
  if (region.size == 0) return Violation::empty_region;
  for (const uint64_t begin : {region.guest, region.user, region.offset}) {
    if (begin + region.size < begin) return Violation::region_overflow;
    if (begin % kPage != 0) return Violation::unaligned_region;
  }
  return region.size % kPage == 0 ? Violation::none : Violation::unaligned_region;
}

Violation check(std::span<const MemoryRegion> regions) {
  for (const MemoryRegion& region : regions) {
    if (const Violation why = check(region); why != Violation::none) return why;
  }
  for (const MemoryRegion& region : regions) {
    for (const MemoryRegion& other : regions) {
      if (&region == &other) continue;
      if (overlap(region.guest, region.size, other.guest, other.size) ||
          overlap(region.user, region.size, other.user, other.size))
        return Violation::overlapping_regions;
    }
  }
  return Violation::none;
}

}  // namespace

Violation MemoryTable::replace(std::span<const MemoryRegion> regions, const Descriptors& files) {
  if (regions.empty() || regions.size() > kRegionsMost) return Violation::bad_region_count;
  if (files.count() != regions.size()) return Violation::bad_descriptors;
  if (const Violation why = check(regions); why != Violation::none) return why;
  std::array<Mapping, kRegionsMost> mappings;
  for (uint32_t i = 0; i < regions.size(); i++) {
    const Violation why = mappings[i].map(regions[i], files.number(i), sealed_, vanished_);
    if (why != Violation::none) return why;
  }
  mappings_ = std::move(mappings);
  count_ = static_cast<uint32_t>(regions.size());
  for (uint32_t i = 0; i < count_; i++)
    regions_[i] = {regions[i].guest, regions[i].size, mappings_[i].region(), regions[i].user};
  return Violation::none;
}

uint64_t MemoryTable::size() const {
  uint64_t size = 0;
  for (const Region& region : std::span(regions_).first(count_)) size += region.size;
  return size;
}

uint8_t* MemoryTable::all_at_user(uint64_t address, uint64_t size) const {
  for (const Region& region : std::span(regions_).first(count_)) {
    const uint64_t offset = address - region.user;
    if (offset < region.size && size <= region.size - offset) return region.bytes + offset;
  }
  return nullptr;
}

}  // namespace tsvde::vhost
