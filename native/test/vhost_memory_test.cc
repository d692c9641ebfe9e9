// The memory that a front end shares: refused tables, the translation of addresses, and truncated files.
#include <fcntl.h>
#include <pthread.h>
#include <sys/eventfd.h>

#include <chrono>
#include <csignal>
#include <cstring>
#include <fstream>
#include <string>
#include <thread>

#include "test/vhost_guest_memory.h"
#include "vhost/memory_table.h"

namespace tsvde::test {
namespace {

Violation replace(MemoryTable& table, const std::vector<MemoryRegion>& regions, int file) {
  Descriptors files;
  for (size_t i = 0; i < regions.size(); i++) (void)files.add(Fd(dup(file)));
  return table.replace(regions, files);
}

Violation refused(const std::vector<MemoryRegion>& regions) {
  const GuestMemory memory;
  MemoryTable table;
  const Violation why = replace(table, regions, memory.file.number());
  CHECK(why == Violation::none || table.empty());
  return why;
}

constexpr uint64_t kPage = 4096;

}  // namespace

TEST("vhost memory: an address is translated within its region, and nowhere else") {
  const GuestMemory memory;
  MemoryTable table;
  CHECK(table.empty() && table.at_guest(kGuestBase, 1).empty());
  CHECK(replace(table, memory.whole(), memory.file.number()) == Violation::none);
  CHECK(table.size() == memory.size && !table.empty());
  memory.bytes[5000] = 42;
  CHECK(table.at_guest(kGuestBase + 5000, 1)[0] == 42);
  CHECK(*table.all_at_user(kUserBase + 5000, 1) == 42);
  CHECK(table.at_guest(kGuestBase + 10, 100).size() == 100);
  CHECK(table.at_guest(kGuestBase + memory.size - 1, 100).size() == 1);
  CHECK(table.at_guest(kGuestBase - 1, 100).empty());
  CHECK(table.at_guest(kGuestBase + memory.size, 1).empty());
  CHECK(table.at_guest(UINT64_MAX, UINT64_MAX).empty());
  CHECK(table.at_guest(kUserBase, 1).empty());
  CHECK(table.all_at_guest(kGuestBase, memory.size) != nullptr);
  CHECK(table.all_at_guest(kGuestBase, memory.size + 1) == nullptr);
  CHECK(table.all_at_guest(kGuestBase + 1, UINT64_MAX) == nullptr);
  CHECK(table.all_at_user(kUserBase + memory.size - 1, 1) != nullptr);
  CHECK(table.all_at_user(kUserBase + memory.size - 1, 2) == nullptr);
  CHECK(table.all_at_user(kUserBase + 1, UINT64_MAX) == nullptr);
  CHECK(table.all_at_user(kGuestBase, 1) == nullptr);
}

TEST("vhost memory: a range across two regions is found in two pieces") {
  const GuestMemory memory;
  MemoryTable table;
  CHECK(replace(table, memory.halves(4 * kPage), memory.file.number()) == Violation::none);
  CHECK(table.at_guest(kGuestBase + 4 * kPage - 10, 30).size() == 10);
  CHECK(table.at_guest(kGuestBase + 4 * kPage, 20).size() == 20);
  CHECK(table.all_at_guest(kGuestBase + 4 * kPage - 10, 30) == nullptr);
  CHECK(table.all_at_user(kUserBase + 4 * kPage - 10, 30) == nullptr);
}

TEST("vhost memory: a region may begin anywhere in its file") {
  const GuestMemory memory;
  MemoryTable table;
  CHECK(replace(table, {{0, kPage, 0, 3 * kPage}}, memory.file.number()) == Violation::none);
  memory.bytes[3 * kPage + 7] = 9;
  CHECK(table.at_guest(7, 1)[0] == 9);
}

TEST("vhost memory: as many regions as may be, and one more") {
  std::vector<MemoryRegion> regions;
  for (uint64_t i = 0; i < kRegionsMost; i++)
    regions.push_back({i * kMegabyte, kPage, i * kMegabyte, i * kPage});
  CHECK(refused(regions) == Violation::none);
  regions.push_back({kRegionsMost * kMegabyte, kPage, kRegionsMost * kMegabyte, 0});
  CHECK(refused(regions) == Violation::bad_region_count);
  CHECK(refused({}) == Violation::bad_region_count);
}

TEST("vhost memory: an empty region is refused") {
  CHECK(refused({{kGuestBase, 0, kUserBase, 0}}) == Violation::empty_region);
}

TEST("vhost memory: a region that ends beyond the address space is refused") {
  CHECK(refused({{UINT64_MAX - kPage + 1, 2 * kPage, kUserBase, 0}}) == Violation::region_overflow);
  CHECK(refused({{kGuestBase, 2 * kPage, UINT64_MAX - kPage + 1, 0}}) == Violation::region_overflow);
  CHECK(refused({{kGuestBase, 2 * kPage, kUserBase, UINT64_MAX - kPage + 1}}) == Violation::region_overflow);
  CHECK(refused({{kGuestBase, UINT64_MAX, kUserBase, 0}}) == Violation::region_overflow);
}

TEST("vhost memory: a region that is not aligned is refused") {
  CHECK(refused({{kGuestBase + 1, kPage, kUserBase, 0}}) == Violation::unaligned_region);
  CHECK(refused({{kGuestBase, kPage, kUserBase + 8, 0}}) == Violation::unaligned_region);
  CHECK(refused({{kGuestBase, kPage, kUserBase, 512}}) == Violation::unaligned_region);
  CHECK(refused({{kGuestBase, kPage + 1, kUserBase, 0}}) == Violation::unaligned_region);
}

TEST("vhost memory: regions that overlap are refused, by either kind of address") {
  const MemoryRegion first{kGuestBase, 4 * kPage, kUserBase, 0};
  CHECK(refused({first, {kGuestBase + 3 * kPage, kPage, 0, 0}}) == Violation::overlapping_regions);
  CHECK(refused({first, {0, 8 * kPage, kUserBase - kPage, 0}}) == Violation::overlapping_regions);
  CHECK(refused({first, first}) == Violation::overlapping_regions);
  CHECK(refused({first, {kGuestBase + 4 * kPage, kPage, kUserBase + 4 * kPage, 0}}) == Violation::none);
}

TEST("vhost memory: a file that is shorter than its region is refused") {
  const GuestMemory memory;
  CHECK(refused({{kGuestBase, memory.size + kPage, kUserBase, 0}}) == Violation::short_file);
  CHECK(refused({{kGuestBase, memory.size, kUserBase, kPage}}) == Violation::short_file);
  CHECK(refused({{kGuestBase, kPage, kUserBase, memory.size}}) == Violation::short_file);
  CHECK(refused({{kGuestBase, uint64_t{1} << 62, kUserBase, 0}}) == Violation::short_file);
}

TEST("vhost memory: a descriptor that is not memory is refused") {
  MemoryTable table;
  int ends[2];
  CHECK(pipe2(ends, O_CLOEXEC) == 0);
  const Fd reader(ends[0]);
  const Fd writer(ends[1]);
  const std::vector<MemoryRegion> regions = {{kGuestBase, kPage, kUserBase, 0}};
  CHECK(replace(table, regions, reader.number()) == Violation::unmappable);
  const Fd event(eventfd(0, EFD_CLOEXEC));
  CHECK(replace(table, regions, event.number()) == Violation::unmappable);
  const Fd directory(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  CHECK(replace(table, regions, directory.number()) != Violation::none);
  const GuestMemory memory;
  const std::string path = "/proc/self/fd/" + std::to_string(memory.file.number());
  const Fd read_only(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  CHECK(replace(table, regions, read_only.number()) == Violation::unmappable);
}

TEST("vhost memory: after a table that is refused, the old one is still there") {
  const GuestMemory memory;
  MemoryTable table;
  CHECK(replace(table, memory.whole(), memory.file.number()) == Violation::none);
  memory.bytes[100] = 77;
  CHECK(replace(table, {{0, kPage, 0, 0}, {0, kPage, kMegabyte, 0}}, memory.file.number()) ==
        Violation::overlapping_regions);
  CHECK(replace(table, {{0, kPage, 0, 0}, {kMegabyte, 2 * memory.size, kMegabyte, 0}},
                memory.file.number()) == Violation::short_file);
  CHECK(table.at_guest(kGuestBase + 100, 1)[0] == 77);
}

TEST("vhost memory: a table needs a file for each region") {
  const GuestMemory memory;
  MemoryTable table;
  Descriptors files;
  CHECK(table.replace(memory.whole(), files) == Violation::bad_descriptors);
}

TEST("vhost memory: seals are asked for only where they are required") {
  const std::vector<MemoryRegion> regions = {{kGuestBase, kPage, kUserBase, 0}};
  const GuestMemory memory;
  MemoryTable any;
  MemoryTable sealed(true);
  CHECK(replace(any, regions, memory.file.number()) == Violation::none);
  CHECK(replace(sealed, regions, memory.file.number()) == Violation::memory_can_shrink);
  CHECK(fcntl(memory.file.number(), F_ADD_SEALS, F_SEAL_SHRINK) == 0);
  CHECK(replace(sealed, regions, memory.file.number()) == Violation::none);
}

TEST("vhost memory: a file that is truncated becomes zeroes and is noticed") {
  const GuestMemory memory;
  MemoryTable table;
  CHECK(replace(table, memory.halves(4 * kPage), memory.file.number()) == Violation::none);
  const auto before = table.at_guest(kGuestBase + 8 * kPage, 8);
  before[0] = 5;
  CHECK(!table.vanished());
  CHECK(ftruncate(memory.file.number(), 0) == 0);
  uint8_t copy[8] = {1, 1, 1, 1, 1, 1, 1, 1};
  std::memcpy(copy, before.data(), sizeof copy);
  CHECK(copy[0] == 0 && table.vanished());
  before[0] = 6;  // and can be written, without an effect
  CHECK(before[0] == 6);
  CHECK(table.at_guest(kGuestBase, 1)[0] == 0);  // the other region
}

TEST("vhost memory: old memory is unmapped, though a thread of its own may do it") {
  // The name of the file, which only this test uses, is in the list of mappings.
  const Fd file(memfd_create("unmapped-later", MFD_CLOEXEC));
  constexpr uint64_t kLarge = 32 * kMegabyte;
  CHECK(ftruncate(file.number(), kLarge) == 0);
  const auto mappings = [] {
    std::ifstream maps("/proc/self/maps");
    int found = 0;
    for (std::string line; std::getline(maps, line);)
      found += line.find("unmapped-later") != std::string::npos;
    return found;
  };
  MemoryTable table;
  for (int i = 0; i < 20; i++) {
    CHECK(replace(table, {{kGuestBase, kLarge, kUserBase, 0}}, file.number()) == Violation::none);
    std::memset(table.at_guest(kGuestBase, kMegabyte).data(), 1, kMegabyte);
  }
  for (int i = 0; i < 1000 && mappings() > 1; i++) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  CHECK(mappings() == 1);
}

TEST("vhost memory: the guard works in a thread that blocks all signals") {
  std::thread thread([] {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, nullptr);
    const GuestMemory memory;
    MemoryTable table;
    CHECK(replace(table, memory.whole(), memory.file.number()) == Violation::none);
    CHECK(ftruncate(memory.file.number(), kPage) == 0);
    CHECK(table.at_guest(kGuestBase, 1)[0] == 0 && !table.vanished());
    CHECK(table.at_guest(kGuestBase + kPage, 1)[0] == 0 && table.vanished());
    sigset_t blocked;
    pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
    CHECK(sigismember(&blocked, SIGTERM) == 1 && sigismember(&blocked, SIGBUS) == 0);
  });
  thread.join();
}

TEST("vhost memory: two truncated files are told apart") {
  const GuestMemory one;
  const GuestMemory other;
  MemoryTable first;
  MemoryTable second;
  CHECK(replace(first, one.whole(), one.file.number()) == Violation::none);
  CHECK(replace(second, other.whole(), other.file.number()) == Violation::none);
  CHECK(ftruncate(other.file.number(), 0) == 0);
  CHECK(second.at_guest(kGuestBase, 1)[0] == 0);
  CHECK(second.vanished() && !first.vanished());
}

TEST("vhost memory: the handler that was there before is back once no memory is guarded") {
  struct sigaction before {};
  sigaction(SIGBUS, nullptr, &before);
  {
    const GuestMemory memory;
    MemoryTable table;
    CHECK(replace(table, memory.whole(), memory.file.number()) == Violation::none);
    struct sigaction ours {};
    sigaction(SIGBUS, nullptr, &ours);
    CHECK(ours.sa_sigaction != before.sa_sigaction);
  }
  struct sigaction after {};
  sigaction(SIGBUS, nullptr, &after);
  CHECK(after.sa_sigaction == before.sa_sigaction);
}

TEST("vhost memory: a signal that no guarded memory raised goes to the handler before") {
  static volatile sig_atomic_t got = 0;
  struct sigaction mine {};
  struct sigaction before {};
  mine.sa_handler = [](int) { got = got + 1; };
  sigaction(SIGBUS, &mine, &before);
  {
    const GuestMemory memory;
    MemoryTable table;
    CHECK(replace(table, memory.whole(), memory.file.number()) == Violation::none);
    raise(SIGBUS);
    CHECK(got == 1 && !table.vanished());
  }
  sigaction(SIGBUS, &before, nullptr);
}

}  // namespace tsvde::test
