// A front end of vhost-user with a small guest, which a fuzzer lets do anything.
#pragma once

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <vector>

#include "fuzz/target.h"
#include "test/send_files.h"
#include "vhost/back_end.h"

namespace tsvde::fuzz {

using namespace tsvde::vhost;

constexpr uint64_t kPage = 4096;
constexpr uint64_t kSize = 16 * kPage;
constexpr uint64_t kHalf = kSize / 2;
constexpr uint64_t kGuest = 0x1'0000'0000;
constexpr uint64_t kUser = 0x7f12'3400'0000;
constexpr uint32_t kEntries = 16;
// The parts of a ring, in a page of its own.
constexpr uint64_t kAvailableAt = 0x400;
constexpr uint64_t kUsedAt = 0x800;

struct Owner : BackEnd::Owner {
  void kick_opened(uint32_t ring, int fd) override { require(ring < 2 && fd >= 0, "a kick has a ring"); }
  void kick_closes(int fd) override { require(fd >= 0, "a kick that closes was open"); }
  void features_accepted(uint64_t) override {}
};

struct FrontEnd {
  explicit FrontEnd(BackEnd::Options options) {
    std::array<int, 2> ends{};
    require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0, "a socket pair");
    socket = Fd(ends[0]);
    back_end = std::make_unique<BackEnd>(Fd(ends[1]), owner, options);
    require(ftruncate(memory.number(), kSize) == 0, "memory");
    if (options.sealed) fcntl(memory.number(), F_ADD_SEALS, F_SEAL_SHRINK);
  }

  void connect(uint64_t features) {
    number(Request::set_features, features & kOfferedFeatures);
    table(2);
    for (uint32_t ring = 0; ring < 2; ring++) {
      pair(Request::set_ring_size, ring, kEntries);
      pair(Request::set_ring_base, ring, 0);
      addresses(ring, 0);
      send(Request::set_ring_kick, octets(uint64_t{ring}), {kick.number()});
      send(Request::set_ring_call, octets(uint64_t{ring}), {call.number()});
      pair(Request::set_ring_enabled, ring, 1);
    }
  }

  template <typename T>
  static std::vector<uint8_t> octets(const T& value) {
    std::vector<uint8_t> bytes(sizeof value);
    std::memcpy(bytes.data(), &value, sizeof value);
    return bytes;
  }

  // Writes with a system call, since the memory may have been truncated.
  void write_memory(uint64_t at, const std::vector<uint8_t>& bytes) const {
    if (at + bytes.size() <= kSize)
      (void)!pwrite(memory.number(), bytes.data(), bytes.size(), static_cast<off_t>(at));
  }

  void table(uint32_t kind) {
    const MemoryRegion low{kGuest, kHalf, kUser, 0};
    const MemoryRegion high{kGuest + kHalf, kHalf, kUser + 8 * kHalf, kHalf};
    const MemoryRegion both{kGuest, kSize, kUser, 0};
    auto bytes = octets(MemoryTableHeader{kind == 2 ? 2U : 1U, 0});
    for (const MemoryRegion& region : {kind == 0 ? both : low, high}) {
      const auto one = octets(region);
      bytes.insert(bytes.end(), one.begin(), one.end());
      if (kind != 2) break;
    }
    send(Request::set_memory_table, bytes, std::vector<int>(kind == 2 ? 2 : 1, memory.number()));
  }
  void addresses(uint32_t ring, uint64_t offset) {
    const uint64_t user = kUser + ring * kPage + offset;
    send(Request::set_ring_addresses,
         octets(RingAddresses{ring, 0, user, user + kUsedAt, user + kAvailableAt, 0}));
  }
  void number(Request request, uint64_t value) { send(request, octets(value)); }
  void pair(Request request, uint32_t ring, uint32_t value) {
    send(request, octets(RingNumber{ring, value}));
  }

  void send(Request request, const std::vector<uint8_t>& payload, const std::vector<int>& files = {},
            uint32_t flags = kVersion) {
    std::vector<uint8_t> bytes = octets(MessageHeader{request, flags, static_cast<uint32_t>(payload.size())});
    bytes.insert(bytes.end(), payload.begin(), payload.end());
    write(bytes, files);
  }

  void write(const std::vector<uint8_t>& bytes, const std::vector<int>& files) {
    (void)test::send_with_files(socket.number(), bytes.data(), bytes.size(), files, MSG_DONTWAIT);
    (void)back_end->answer();
    std::array<uint8_t, 256> replies;
    while (recv(socket.number(), replies.data(), replies.size(), MSG_DONTWAIT) > 0) continue;
  }

  Fd memory{memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING)};
  Fd kick{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  Fd call{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  Fd socket;
  Owner owner;
  std::unique_ptr<BackEnd> back_end;
  std::array<uint16_t, 2> available{};
};

}  // namespace tsvde::fuzz
