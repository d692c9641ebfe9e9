// The memory of a guest that a front end shares, as the guest sees it.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <vector>

#include "engine/fd.h"
#include "test/check.h"
#include "vhost/message.h"

namespace tsvde::test {

using namespace tsvde::vhost;

constexpr uint64_t kMegabyte = 1 << 20;
// The two bases are far from each other and from zero, so that an address of the wrong kind is in no region.
constexpr uint64_t kGuestBase = 0x1'0000'0000;
constexpr uint64_t kUserBase = 0x7f12'3400'0000;

// One file, which may be shared as several regions.
struct GuestMemory {
  explicit GuestMemory(uint64_t wanted = 64 * kMegabyte)
      : size(wanted), file(memfd_create("guest", MFD_CLOEXEC | MFD_ALLOW_SEALING)) {
    CHECK(ftruncate(file.number(), static_cast<off_t>(size)) == 0);
    bytes = static_cast<uint8_t*>(mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, file.number(), 0));
  }
  GuestMemory(const GuestMemory&) = delete;
  GuestMemory& operator=(const GuestMemory&) = delete;
  ~GuestMemory() { munmap(bytes, size); }

  [[nodiscard]] uint8_t* at(uint64_t guest) const { return bytes + (guest - kGuestBase); }
  [[nodiscard]] std::vector<MemoryRegion> whole() const { return {{kGuestBase, size, kUserBase, 0}}; }
  // Two regions that meet in guest addresses but are far apart in ours.
  [[nodiscard]] std::vector<MemoryRegion> halves(uint64_t border) const {
    return {{kGuestBase + border, size - border, kUserBase + border, border},
            {kGuestBase, border, kUserBase, 0}};
  }

  uint64_t size;
  Fd file;
  uint8_t* bytes;
};

}  // namespace tsvde::test
