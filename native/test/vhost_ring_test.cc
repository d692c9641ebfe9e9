// Frames through the rings of a guest: layouts, merged buffers, wrap-around, notifications.
#include <fcntl.h>
#include <poll.h>

#include <thread>

#include "test/vhost_driver.h"

namespace tsvde::test {
namespace {

// Makes the indirect table at `table` available.
void offer_indirect(FrontEnd& guest, uint32_t index, uint64_t table, uint32_t count) {
  guest.send.describe(index, table, count * 16, kIndirectFlag);
  guest.send.offer(index);
}

bool readable(const Fd& eventfd, int patience_ms) {
  pollfd polled{eventfd.number(), POLLIN, 0};
  return poll(&polled, 1, patience_ms) == 1;
}

}  // namespace

TEST("vhost rings: frames of all sizes from the guest, with their headers") {
  FrontEnd guest;
  guest.connect();
  const NetHeader header{.flags = 1,
                         .gso_type = 1,
                         .header_length = 54,
                         .gso_size = 1448,
                         .checksum_start = 34,
                         .checksum_offset = 16,
                         .buffers = 0};
  uint32_t index = 0;
  for (const uint32_t size : {1u, 14u, 59u, 60u, 1514u, 9000u, 65535u, 65549u}) {
    guest.transmit(octets(size), index, header);
    CHECK(guest.take() == octets(size));
    CHECK(guest.taken.size == size && guest.taken.header.gso_size == 1448);
    CHECK(std::memcmp(&guest.taken.header, &header, sizeof header) == 0);
    guest.publish();
    const auto used = guest.send.used();
    CHECK(used && used->head == index++ && used->written == 0);
  }
  CHECK(!guest.take() && guest.violation() == Violation::none);
}

TEST("vhost rings: a header and a frame in every possible split of three descriptors") {
  FrontEnd guest;
  guest.connect();
  const Octets frame = octets(30);
  const Octets bytes = FrontEnd::with_header(frame, {.checksum_start = 0x1234});
  const auto size = static_cast<uint32_t>(bytes.size());
  for (uint32_t first = 0; first <= size; first++) {
    for (uint32_t second = first; second <= size; second++) {
      std::ranges::copy(bytes, guest.memory.at(FrontEnd::buffer(0)));
      guest.send.describe(9, FrontEnd::buffer(0), first, kNext, 200);
      guest.send.describe(200, FrontEnd::buffer(0) + first, second - first, kNext, 0);
      guest.send.describe(0, FrontEnd::buffer(0) + second, size - second, 0);
      guest.send.offer(9);
      CHECK(guest.take() == frame && guest.taken.header.checksum_start == 0x1234);
    }
  }
}

TEST("vhost rings: the room for a frame gets its beginning, and the true size is told") {
  FrontEnd guest;
  guest.connect();
  guest.transmit(octets(1000));
  Octets room(100);
  const Taken taken = guest.back_end->take(room, guest.pieces);
  CHECK(taken.frame && taken.size == 1000);
  const Octets whole = octets(1000);
  CHECK(std::equal(room.begin(), room.end(), whole.begin()));
  // A chain that is longer than all memory, since it has the same buffer many times.
  const auto length = static_cast<uint32_t>(guest.memory.size);
  for (uint32_t i = 0; i < 256; i++) guest.send.describe(i, kGuestBase, length, i < 255 ? kNext : 0, i + 1);
  guest.send.offer(0);
  CHECK(guest.back_end->take(room, guest.pieces).size == UINT32_MAX);
}

TEST("vhost rings: a chain that is not longer than a header is a frame of no bytes") {
  FrontEnd guest;
  guest.connect();
  for (const uint32_t size : {0u, 1u, 11u, 12u}) {
    guest.send.describe(0, FrontEnd::buffer(0), size, 0);
    guest.send.offer(0);
    CHECK(guest.take() && guest.taken.size == 0);
  }
  guest.publish();
  CHECK(guest.send.used_index() == 4);
}

TEST("vhost rings: an indirect table holds the whole chain, or its end") {
  FrontEnd guest;
  guest.connect();
  const Octets bytes = FrontEnd::with_header(octets(100));
  std::ranges::copy(bytes, guest.memory.at(FrontEnd::buffer(0)));
  const uint64_t table = FrontEnd::buffer(1);
  guest.send.describe_at(table, 0, FrontEnd::buffer(0), 50, kNext, 2);
  guest.send.describe_at(table, 2, FrontEnd::buffer(0) + 50, 62, 0);
  offer_indirect(guest, 17, table, 3);
  CHECK(guest.take() == octets(100));
  // The flag "writable" of the indirect descriptor is ignored (2.7.5.3.2).
  guest.send.describe(17, table, 48, kIndirectFlag | kWritable);
  guest.send.offer(17);
  CHECK(guest.take() == octets(100));
  guest.send.describe(30, FrontEnd::buffer(0), 12, kNext, 31);
  guest.send.describe(31, table, 48, kIndirectFlag);
  guest.send.describe_at(table, 0, FrontEnd::buffer(0) + 12, 100, 0);
  guest.send.offer(30);
  CHECK(guest.take() == octets(100));
  guest.publish();
  CHECK(guest.send.used()->head == 17 && guest.send.used()->head == 17 && guest.send.used()->head == 30);
}

TEST("vhost rings: an indirect table for a receive buffer") {
  FrontEnd guest;
  guest.connect();
  const uint64_t table = FrontEnd::buffer(1);
  guest.receive.describe_at(table, 0, FrontEnd::buffer(64), 12, kNext | kWritable, 1);
  guest.receive.describe_at(table, 1, FrontEnd::buffer(64) + 12, 2000, kWritable);
  guest.receive.describe(5, table, 32, kIndirectFlag);
  guest.receive.offer(5);
  CHECK(guest.put(octets(500)) == Put::done);
  guest.publish();
  const auto used = guest.receive.used();
  CHECK(used && used->head == 5 && used->written == 512);
  CHECK(guest.contents(0, 512) == FrontEnd::with_header(octets(500)));
}

TEST("vhost rings: a buffer that lies in two regions") {
  FrontEnd guest;
  guest.connect(kAllFeatures, guest.memory.halves(FrontEnd::buffer(0) - kGuestBase + 4096));
  const Octets bytes = FrontEnd::with_header(octets(9000));
  std::ranges::copy(bytes, guest.memory.at(FrontEnd::buffer(0)));
  guest.transmit(octets(9000));
  CHECK(guest.take() == octets(9000));
  guest.receive.describe(0, FrontEnd::buffer(0) + 4090, 2000, kWritable);  // the header lies in both
  guest.receive.offer(0);
  CHECK(guest.put(octets(1000)) == Put::done);
  const Octets wanted = FrontEnd::with_header(octets(1000));
  CHECK(std::equal(wanted.begin(), wanted.end(), guest.memory.at(FrontEnd::buffer(0) + 4090)));
}

TEST("vhost rings: a frame to the guest, in parts, with its header") {
  FrontEnd guest;
  guest.connect();
  guest.post(3, 2000);
  Octets a = octets(14);
  Octets b = octets(40, 99);
  const iovec parts[] = {{a.data(), a.size()}, {nullptr, 0}, {b.data(), b.size()}};
  const NetHeader header{.flags = 1, .checksum_start = 34, .checksum_offset = 6};
  CHECK(guest.back_end->put(header, parts) == Put::done);
  CHECK(!guest.receive.used());
  guest.publish();
  const auto used = guest.receive.used();
  CHECK(used && used->head == 3 && used->written == 66);
  a.insert(a.end(), b.begin(), b.end());
  CHECK(guest.contents(3, 66) == FrontEnd::with_header(a, header));
  CHECK(guest.put(octets(60)) == Put::no_room && guest.violation() == Violation::none);
}

TEST("vhost rings: a long frame takes several buffers, and the header says how many") {
  FrontEnd guest;
  guest.connect();
  const Octets frame = octets(5000);
  for (uint32_t i = 0; i < 3; i++) guest.post(i, 1500);
  CHECK(guest.put(frame) == Put::no_room);
  guest.publish();
  CHECK(!guest.receive.used());  // nothing was consumed
  guest.post(3, 1500);
  CHECK(guest.put(frame) == Put::done);
  guest.publish();
  Octets got;
  for (uint32_t i = 0; i < 4; i++) {
    const auto used = guest.receive.used();
    CHECK(used && used->head == i && used->written == (i < 3 ? 1500 : 512));
    const Octets piece = guest.contents(i, used->written);
    got.insert(got.end(), piece.begin(), piece.end());
  }
  CHECK(got == FrontEnd::with_header(frame, {.buffers = 4}));
}

TEST("vhost rings: the number of buffers is right even if the header is in single bytes") {
  FrontEnd guest;
  guest.connect();
  for (uint32_t i = 0; i < 11; i++)
    guest.receive.describe(i, FrontEnd::buffer(64) + i, 1, kNext | kWritable, i + 1);
  guest.receive.describe(11, FrontEnd::buffer(64) + 11, 1, kWritable);
  guest.receive.offer(0);
  guest.post(20, 2000);
  CHECK(guest.put(octets(60)) == Put::done);
  CHECK(guest.contents(0, 12) == FrontEnd::payload(NetHeader{.buffers = 2}));
  CHECK(guest.contents(20, 60) == octets(60));
}

TEST("vhost rings: a frame as long as all buffers together, and one byte more") {
  FrontEnd guest(8);
  guest.connect();
  for (uint32_t i = 0; i < 8; i++) guest.post(i, 100);
  CHECK(guest.put(octets(789)) == Put::too_long);
  CHECK(guest.put(octets(788)) == Put::done);
  CHECK(guest.put(octets(14)) == Put::no_room);
}

TEST("vhost rings: without merged buffers a frame must fit into one, and waits for none") {
  FrontEnd guest;
  guest.connect(kOldestFeatures);
  guest.post(0, 112);
  guest.post(1, 112);
  CHECK(guest.put(octets(101)) == Put::too_long);
  CHECK(guest.put(octets(100)) == Put::done);
  guest.publish();
  CHECK(guest.receive.used()->written == 112 && guest.contents(0, 112) == FrontEnd::with_header(octets(100)));
}

TEST("vhost rings: a driver with only the oldest features sends and receives") {
  FrontEnd guest;
  guest.connect(kOldestFeatures);
  for (uint32_t i = 0; i < 1000; i++) {
    guest.transmit(octets(60 + i), i % 256);
    CHECK(guest.take() == octets(60 + i));
    guest.post(i % 256, 2000);
    CHECK(guest.put(octets(60 + i)) == Put::done);
    CHECK(guest.publish() == 2);  // without thresholds, an interrupt for each batch
    CHECK(guest.send.used()->head == i % 256);
    const auto used = guest.receive.used();
    CHECK(used->head == i % 256 && used->written == 72 + i);
    CHECK(guest.contents(i % 256, 72 + i) == FrontEnd::with_header(octets(60 + i)));
  }
  CHECK(guest.violation() == Violation::none);
}

TEST("vhost rings: indices wrap around, for each size") {
  for (const uint32_t size : {1u, 2u, 256u, 1024u, 32768u}) {
    FrontEnd guest(size);
    const auto begin = static_cast<uint16_t>(65536 - 2 * std::min(size, 100u));
    guest.send.set_available(begin);
    guest.send.set_used_index(begin);
    guest.receive.set_available(begin);
    guest.receive.set_used_index(begin);
    CHECK(guest.tell_number(Request::set_features, kOldestFeatures | kMergedBuffers));
    CHECK(guest.tell_memory(guest.memory.whole()));
    guest.set_up(guest.receive, 0, begin);
    guest.set_up(guest.send, 1, begin);
    for (uint32_t i = 0; i < 500; i++) {
      guest.transmit(octets(60, static_cast<uint8_t>(i)), i % std::min(size, 32u));
      guest.post(i % std::min(size, 32u), 200);
      CHECK(guest.take() == octets(60, static_cast<uint8_t>(i)));
      CHECK(guest.put(octets(61)) == Put::done);
      guest.publish();
      CHECK(guest.send.used() && guest.receive.used());
    }
    CHECK(guest.violation() == Violation::none);
  }
}

TEST("vhost rings: a full ring is taken as a whole, in order") {
  FrontEnd guest(256);
  guest.connect();
  for (uint32_t round = 0; round < 300; round++) {
    for (uint32_t i = 0; i < 256; i++) {
      const uint32_t head = (i * 7 + round) % 256;
      guest.memory.bytes[2 * kMegabyte + head] = static_cast<uint8_t>(i);
      guest.send.describe(head, FrontEnd::buffer(0) + head, 13, 0);
      guest.send.offer(head);
    }
    for (uint32_t i = 0; i < 256; i++) CHECK(guest.back_end->take({}, {}).size == 1);
    CHECK(!guest.take());
    guest.publish();
    for (uint32_t i = 0; i < 256; i++) CHECK(guest.send.used()->head == (i * 7 + round) % 256);
  }
}

TEST("vhost notifications: thresholds of the driver decide about interrupts") {
  FrontEnd guest;
  guest.connect();
  const auto use = [&](uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
      guest.transmit(octets(60), i);
      CHECK(guest.take());
    }
    return guest.publish();
  };
  CHECK(use(1) == 1);  // the first interrupt is always sent
  guest.send.set_interrupt_threshold(3);
  CHECK(use(2) == 0);  // entries 1 and 2
  CHECK(use(1) == 1);  // entry 3
  CHECK(use(1) == 0 && use(100) == 0);
  guest.send.set_interrupt_threshold(110);
  CHECK(use(20) == 1 && use(1) == 0);
  CHECK(guest.publish() == 0);  // nothing new
  CHECK(signals(guest.send.call) == 3);
}

TEST("vhost notifications: without thresholds the driver's flag decides about interrupts") {
  FrontEnd guest;
  guest.connect(kAllFeatures & ~kEventIndex);
  guest.transmit(octets(60));
  CHECK(guest.take() && guest.publish() == 1);
  guest.send.refuse_interrupts(true);
  guest.transmit(octets(60));
  CHECK(guest.take() && guest.publish() == 0);
  guest.send.refuse_interrupts(false);
  guest.transmit(octets(60));
  CHECK(guest.take() && guest.publish() == 1);
}

TEST("vhost notifications: a batch is one interrupt for each ring") {
  FrontEnd guest;
  guest.connect();
  for (uint32_t i = 0; i < 32; i++) {
    guest.transmit(octets(60), i);
    guest.post(i, 100);
    CHECK(guest.take() && guest.put(octets(60)) == Put::done);
  }
  CHECK(guest.publish() == 2);
  CHECK(signals(guest.send.call) == 1 && signals(guest.receive.call) == 1);
}

TEST("vhost notifications: kicks are wanted only after arming, by threshold") {
  FrontEnd guest;
  guest.connect();
  CHECK(!guest.back_end->arm(1));
  CHECK(guest.send.kick_threshold() == 0);
  guest.transmit(octets(60), 0);
  CHECK(guest.send.kick_is_due(0));
  CHECK(guest.back_end->arm(1));  // an entry is available, so there is no need to wait
  guest.back_end->disarm(1);
  CHECK(guest.take() && !guest.take());
  for (uint32_t i = 0; i < 100; i++) {
    const uint16_t before = guest.send.available;
    guest.transmit(octets(60), i);
    CHECK(!guest.send.kick_is_due(before) && guest.take());
  }
  CHECK(!guest.back_end->arm(1));
  const uint16_t before = guest.send.available;
  guest.transmit(octets(60), 1);
  CHECK(guest.send.kick_is_due(before));
}

TEST("vhost notifications: if the posted buffers are too few for a frame, the next one is announced") {
  FrontEnd front_end;
  front_end.connect();
  front_end.post(0, 1526);
  front_end.post(1, 1526);
  CHECK(front_end.put(octets(9000)) == Put::no_room);
  (void)front_end.back_end->arm(BackEnd::kReceiveRing);
  const uint16_t before = front_end.receive.available;
  for (uint32_t i = 2; i < 8; i++) front_end.post(i, 1526);
  CHECK(front_end.receive.kick_is_due(before));
  CHECK(front_end.put(octets(9000)) == Put::done);
}

TEST("vhost notifications: kicks are wanted only after arming, by flag") {
  FrontEnd guest;
  guest.connect(kOldestFeatures);
  CHECK(!guest.back_end->arm(1) && guest.send.wants_kicks());
  guest.back_end->disarm(1);
  CHECK(!guest.send.wants_kicks());
  guest.transmit(octets(60));
  CHECK(guest.back_end->arm(1) && guest.send.wants_kicks());
}

TEST("vhost notifications: a call that is full, and was made to block, does not stop us") {
  FrontEnd guest;
  guest.connect(kOldestFeatures);
  CHECK(eventfd_write(guest.send.call.number(), UINT64_MAX - 1) == 0);
  CHECK(fcntl(guest.send.call.number(), F_SETFL, 0) == 0);
  guest.transmit(octets(60));
  CHECK(guest.take());
  guest.publish();
  CHECK(guest.send.used_index() == 1 && guest.violation() == Violation::none);
}

TEST("vhost notifications: a ring without a call is published without interrupts") {
  FrontEnd guest;
  guest.connect(kOldestFeatures);
  CHECK(guest.tell_number(Request::set_ring_call, 1 | kNoDescriptor));
  guest.transmit(octets(60));
  CHECK(guest.take() && guest.publish() == 0 && guest.send.used_index() == 1);
}

TEST("vhost notifications: memory that is a private copy shows kicks and no entries") {
  FrontEnd guest;
  const GuestMemory copy;
  CHECK(guest.tell_number(Request::set_features, kOldestFeatures));
  CHECK(guest.tell_memory(copy.whole(), {copy.file.number()}));
  guest.set_up(guest.send, 1);
  guest.transmit(octets(60));
  CHECK(!guest.take() && guest.back_end->queue(1).ring.untouched());
  CHECK(guest.tell_memory(guest.memory.whole()));
  CHECK(guest.take() && !guest.back_end->queue(1).ring.untouched());
}

// Each side sleeps whenever it may, so that a lost notification would stop both. All indices and
// thresholds are sequentially consistent, in place of the driver's fences.
static void exchange(uint64_t features) {
  constexpr uint32_t kSize = 8;
  const auto count = static_cast<uint32_t>(rounds(100'000));
  FrontEnd guest(kSize);
  guest.connect(features);
  const bool thresholds = (features & kEventIndex) != 0;
  std::atomic<bool> failed = false;

  std::thread driver([&] {
    DriverRing& ring = guest.send;
    uint32_t used = 0;
    for (uint32_t sent = 0; sent < count && !failed; sent++) {
      while (ring.used()) used++;
      while (sent - used == kSize && !failed) {
        if (thresholds) {
          ring.set_interrupt_threshold(ring.seen);
        } else {
          ring.refuse_interrupts(false);
        }
        if (ring.used()) {
          used++;
          continue;
        }
        if (!readable(ring.call, 10'000)) failed = true;
        signals(ring.call);
      }
      const uint16_t before = ring.available;
      std::memcpy(guest.memory.at(FrontEnd::buffer(sent % kSize)) + 12, &sent, sizeof sent);
      ring.describe(sent % kSize, FrontEnd::buffer(sent % kSize), 16, 0);
      ring.offer(sent % kSize);
      const bool due = thresholds ? ring.kick_is_due(before)
                                  : (std::atomic_ref(ring.word(DriverRing::kUsedAt)).load() & 1) == 0;
      if (due) eventfd_write(ring.kick.number(), 1);
    }
  });

  BackEnd& back_end = *guest.back_end;
  uint32_t expected = 0;
  while (expected < count && !failed) {
    uint32_t number = 0;
    const Taken taken = back_end.take({reinterpret_cast<uint8_t*>(&number), sizeof number}, {});
    if (taken.frame) {
      if (number != expected++) failed = true;
      if (expected % 3 == 0) back_end.publish(BackEnd::kSendRing);
      continue;
    }
    back_end.publish(BackEnd::kSendRing);
    if (back_end.arm(1)) continue;
    if (!readable(guest.send.kick, 10'000)) failed = true;
    signals(guest.send.kick);
    back_end.disarm(1);
  }
  back_end.publish(BackEnd::kSendRing);
  driver.join();
  CHECK(!failed && guest.violation() == Violation::none);
}

TEST("vhost notifications: none is lost between two threads, by threshold") {
  exchange(kAllFeatures);
}

TEST("vhost notifications: none is lost between two threads, by flag") {
  exchange(kAllFeatures & ~kEventIndex);
}

}  // namespace tsvde::test
