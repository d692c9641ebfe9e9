// Front ends and guests that send random messages and write random rings.
#include <chrono>
#include <thread>

#include "test/vhost_hostile.h"

namespace tsvde::test {

TEST("vhost hostile: random rings") {
  const auto random_address = [] {
    const uint64_t near[] = {kGuestBase, kGuestBase + 64 * kMegabyte, FrontEnd::buffer(0), kUserBase, 0};
    return near[random_below(5)] + random_below(64) - 32;
  };
  for (int round = 0; round < rounds(3000); round++) {
    FrontEnd guest(16);
    guest.connect(kAllFeatures & ~(random_below(2) != 0 ? kEventIndex : 0));
    const uint64_t table = FrontEnd::buffer(1);
    for (uint32_t i = 0; i < 16; i++) {
      const bool sane = random_below(4) != 0;
      const uint64_t address = sane ? FrontEnd::buffer(random_below(3)) : random_address();
      const uint32_t length = random_below(8) != 0 ? random_below(3000) : static_cast<uint32_t>(random()());
      const auto flags = static_cast<uint16_t>(random_below(20) != 0 ? random_below(2) : random_below(8));
      guest.send.describe(i, address, length, flags, random_below(18));
      guest.receive.describe(i, address, length, random_below(10) != 0 ? flags | kWritable : flags,
                             random_below(18));
      guest.send.describe_at(table, i, address, length, flags, random_below(18));
    }
    for (uint32_t i = 0; i < 16; i++) {
      guest.send.offer(random_below(17));
      guest.receive.offer(random_below(17));
    }
    for (int i = 0; i < 20; i++) {
      if (guest.take()) CHECK(guest.taken.violation == Violation::none);
      (void)guest.put(octets(14 + random_below(9000)));
      guest.publish();
      (void)guest.back_end->arm(random_below(2));
      if (random_below(10) == 0) guest.send.set_available(static_cast<uint16_t>(random()()));
    }
  }
}

TEST("vhost hostile: random messages") {
  const size_t before = open_files();
  for (int round = 0; round < rounds(3000); round++) {
    FrontEnd guest(16);
    if (random_below(2) != 0) guest.connect();
    for (int i = 0; i < 30 && guest.violation() == Violation::none; i++) {
      const uint32_t request = random_below(20);
      const bool table = request == 5;
      Octets content(request == 9 ? 40 : table ? 40 : random_below(10) == 0 ? random_below(300) : 8);
      if (request == 1 || request == 3 || request == 4 || request == 15 || request == 17) content.clear();
      for (uint8_t& byte : content) byte = static_cast<uint8_t>(random_below(3) == 0 ? random_below(256) : 0);
      if (table && random_below(2) != 0) content = FrontEnd::payload(MemoryTableHeader{1, 0});
      if (table && content.size() == 8) {
        const Octets region = FrontEnd::payload(guest.memory.whole()[0]);
        content.insert(content.end(), region.begin(), region.end());
      }
      if (content.size() == 8 && random_below(3) != 0) content[0] &= 1;
      std::vector<int> files;
      if (table) files = {guest.memory.file.number()};
      if (request >= 12 && request <= 14) files = {guest.send.kick.number()};
      if (random_below(30) == 0) files = copies(guest.send.call.number(), random_below(12));
      guest.tell(static_cast<Request>(request), content, files, random_below(50) != 0 ? 1 : random_below(16));
      while (recv(guest.socket.number(), content.data(), content.size(), MSG_DONTWAIT) > 0) continue;
      (void)guest.take();
      (void)guest.put(octets(60));
      guest.publish();
    }
  }
  CHECK(open_files() == before);
}

TEST("vhost hostile: a guest that changes its memory while it is read") {
  FrontEnd guest(16);
  MemoryTable table;
  Descriptors files;
  CHECK(files.add(Fd(dup(guest.memory.file.number()))));
  CHECK(table.replace(guest.memory.whole(), files) == Violation::none);
  uint8_t* const ring_memory = table.all_at_guest(guest.send.base, kMegabyte);
  Ring ring;
  ring.start({reinterpret_cast<Descriptor*>(ring_memory),
              reinterpret_cast<uint16_t*>(ring_memory + DriverRing::kAvailableAt),
              reinterpret_cast<uint16_t*>(ring_memory + DriverRing::kUsedAt)},
             16, 0);
  std::atomic<bool> done = false;
  std::thread other([&] {
    for (uint32_t state = 1; !done; state = state * 1664525 + 1013904223) {
      const uint32_t index = state >> 28;
      const uint64_t address = (state & 0xf0000) != 0 ? FrontEnd::buffer(index) : uint64_t{state} << 20;
      const auto flags = static_cast<uint16_t>((state & 0xf000) == 0 ? kWritable : state >> 10 & 1);
      guest.send.describe(index, address, state >> 20, flags, state >> 5 & 15);
    }
  });
  Octets room(5000);
  std::array<iovec, 3> pieces;
  uint32_t frames = 0;
  uint32_t violations = 0;
  // On a busy machine, the other thread may not run for a while.
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  const auto goes_on = [&](int done_rounds) {
    const bool both = frames > 0 && violations > 0;
    return done_rounds < rounds(200'000) || (!both && std::chrono::steady_clock::now() < end);
  };
  for (int i = 0; goes_on(i); i++) {
    guest.send.offer(static_cast<uint32_t>(i) % 16);
    const Taken taken = take(ring, table, true, room, pieces);
    frames += taken.frame ? 1 : 0;
    for (const iovec& piece : std::span(pieces).first(taken.lent))
      std::memcpy(room.data(), piece.iov_base, std::min(piece.iov_len, room.size()));
    violations += taken.violation != Violation::none ? 1 : 0;
    if (ring.available() > 0) ring.advance(1);
    (void)ring.publish();
  }
  done = true;
  other.join();
  CHECK(frames > 0 && violations > 0);
}

}  // namespace tsvde::test
