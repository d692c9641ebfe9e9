#include "vhost/mapping.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <algorithm>
#include <exception>
#include <thread>
#include <utility>

namespace tsvde::vhost {
namespace {

// Not in linux/magic.h.
constexpr long kCifsMagic = 0xff534d42;
constexpr long kSmb2Magic = 0xfe534d42;

// Returns whether page faults of the file are served by a program or by another machine, which could block
// our thread for ever. Files that support seals are always local memory.
bool is_remote(int file, int seals) {
  struct statfs system {};
  if (seals >= 0) return false;
  if (fstatfs(file, &system) < 0) return true;
  switch (static_cast<long>(system.f_type)) {
    case FUSE_SUPER_MAGIC:
    case NFS_SUPER_MAGIC:
    case V9FS_MAGIC:
    case kCifsMagic:
    case kSmb2Magic:
      return true;
    default:
      return false;
  }
}

// Unmaps memory without making the caller wait for long: freeing the page tables of a large guest takes tens
// of milliseconds, so a thread does it. Nothing is mapped at the addresses before that thread is done.
void unmap(void* begin, size_t size) {
  constexpr size_t kMuch = size_t{16} << 20;
  if (size >= kMuch) {
    try {
      return std::thread([begin, size] { munmap(begin, size); }).detach();
    } catch (const std::exception&) {  // no more threads, or no memory for one
    }
  }
  munmap(begin, size);
}

}  // namespace

Mapping::Mapping(Mapping&& other) noexcept
    : begin_(std::exchange(other.begin_, nullptr)),
      size_(other.size_),
      region_(other.region_),
      guard_(std::move(other.guard_)) {}

Mapping& Mapping::operator=(Mapping&& other) noexcept {
  std::swap(begin_, other.begin_);
  std::swap(size_, other.size_);
  std::swap(region_, other.region_);
  guard_ = std::move(other.guard_);
  return *this;
}

Mapping::~Mapping() {
  guard_ = GuardedRange();  // before munmap(), after which another mapping may get the addresses
  if (begin_ != nullptr) unmap(begin_, size_);
}

Violation Mapping::map(const MemoryRegion& region, int file, bool sealed, std::atomic<bool>& vanished) {
  const int seals = fcntl(file, F_GET_SEALS);
  if (is_remote(file, seals)) return Violation::remote_memory;
  if (sealed && (seals < 0 || (seals & F_SEAL_SHRINK) == 0)) return Violation::memory_can_shrink;
  struct stat status {};
  if (fstat(file, &status) < 0) return Violation::unmappable;
  const auto length = static_cast<uint64_t>(status.st_size);
  if (!S_ISREG(status.st_mode)) return Violation::unmappable;
  if (region.offset > length || region.size > length - region.offset) return Violation::short_file;

  // Map whole pages. Files in hugetlbfs have larger pages, whose size is the block size.
  const auto block =
      std::max(static_cast<uint64_t>(status.st_blksize), static_cast<uint64_t>(sysconf(_SC_PAGESIZE)));
  const uint64_t first = region.offset / block * block;
  const uint64_t size = (region.offset + region.size - first + block - 1) / block * block;
  void* begin = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, file,
                     static_cast<off_t>(first));
  if (begin == MAP_FAILED) return Violation::unmappable;
  begin_ = begin;
  size_ = size;
  region_ = static_cast<uint8_t*>(begin) + (region.offset - first);
  return guard_.guard(begin, size, vanished) ? Violation::none : Violation::unmappable;
}

}  // namespace tsvde::vhost
