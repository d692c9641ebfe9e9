// Guests whose rings, indices and chains are wrong.
#include "test/vhost_hostile.h"

namespace tsvde::test {

// --- Rings

TEST("vhost hostile: ring sizes that cannot be") {
  for (const uint32_t size : {0u, 3u, 255u, 32769u, 65536u, 0x8000'0000u, UINT32_MAX}) {
    FrontEnd guest;
    check_refused(guest, guest.tell_ring(Request::set_ring_size, 0, size), Violation::bad_ring_size);
  }
}

TEST("vhost hostile: a base of more than 16 bits") {
  FrontEnd guest;
  check_refused(guest, guest.tell_ring(Request::set_ring_base, 0, 65536), Violation::bad_ring_base);
}

TEST("vhost hostile: a running ring gets another size") {
  FrontEnd guest;
  guest.connect();
  check_refused(guest, guest.tell_ring(Request::set_ring_size, 1, 512), Violation::ring_running);
}

TEST("vhost hostile: a running ring gets another base") {
  FrontEnd guest;
  guest.connect();
  check_refused(guest, guest.tell_ring(Request::set_ring_base, 1, 5), Violation::ring_running);
}

TEST("vhost hostile: a ring whose parts are not aligned") {
  for (int part = 0; part < 3; part++) {
    FrontEnd guest;
    guest.connect();
    RingAddresses addresses = guest.send.addresses(1);
    if (part == 0) addresses.descriptors += 8;
    if (part == 1) addresses.used += 2;
    if (part == 2) addresses.available += 1;
    check_refused(guest, guest.tell(Request::set_ring_addresses, FrontEnd::payload(addresses)),
                  Violation::unaligned_ring);
  }
}

TEST("vhost hostile: a ring whose parts end beyond the memory") {
  for (int part = 0; part < 3; part++) {
    for (const uint64_t from_end : {16u, 512u, 4096u + 16u}) {
      FrontEnd guest(1024);
      guest.connect();
      RingAddresses addresses = guest.send.addresses(1);
      const uint64_t end = kUserBase + guest.memory.size;
      if (part == 0) addresses.descriptors = end - from_end;
      if (part == 1) addresses.used = end - from_end;
      if (part == 2) addresses.available = end - std::min<uint64_t>(from_end, 2052);
      check_refused(guest, guest.tell(Request::set_ring_addresses, FrontEnd::payload(addresses)),
                    Violation::ring_outside_memory);
    }
  }
}

TEST("vhost hostile: a ring at addresses that overflow, or that are the guest's") {
  for (const uint64_t address : {uint64_t{0}, UINT64_MAX - 15, kGuestBase}) {
    FrontEnd guest;
    guest.connect();
    const RingAddresses addresses{1, 0, address, address, address, 0};
    check_refused(guest, guest.tell(Request::set_ring_addresses, FrontEnd::payload(addresses)),
                  Violation::ring_outside_memory);
  }
}

TEST("vhost hostile: a ring across two regions") {
  FrontEnd guest(32768);
  CHECK(guest.tell_number(Request::set_features, kAllFeatures));
  CHECK(guest.tell_memory(guest.memory.halves(kMegabyte + 4096)));
  CHECK(guest.tell_ring(Request::set_ring_size, 1, 32768));
  CHECK(guest.tell(Request::set_ring_addresses, FrontEnd::payload(guest.send.addresses(1))));
  check_refused(guest, guest.tell_number(Request::set_ring_kick, 1, {guest.send.kick.number()}),
                Violation::ring_outside_memory);
}

TEST("vhost hostile: all parts of both rings at one address") {
  FrontEnd guest;
  guest.connect();
  const uint64_t at = kUserBase;
  CHECK(guest.tell(Request::set_ring_addresses, FrontEnd::payload(RingAddresses{0, 0, at, at, at, 0})));
  CHECK(guest.tell(Request::set_ring_addresses, FrontEnd::payload(RingAddresses{1, 0, at, at, at, 0})));
  for (int i = 0; i < 1000 && guest.violation() == Violation::none; i++) {
    guest.memory.bytes[i % 64] = static_cast<uint8_t>(random_below(256));
    (void)guest.take();
    (void)guest.put(octets(100));
    guest.publish();
  }
}

TEST("vhost hostile: a ring is kicked, started and stopped again and again") {
  FrontEnd guest;
  guest.connect();
  const size_t before = open_files();
  for (int i = 0; i < 100; i++) {
    CHECK(guest.ask(Request::get_ring_base, FrontEnd::payload(RingNumber{1, 0})) == 1u);
    CHECK(guest.ask(Request::get_ring_base, FrontEnd::payload(RingNumber{1, 0})) == 1u);
    CHECK(guest.tell_number(Request::set_ring_kick, 1, {guest.send.kick.number()}));
    CHECK(guest.tell_number(Request::set_ring_kick, 1, {guest.send.kick.number()}));
    CHECK(guest.tell_number(Request::set_ring_call, 1, {guest.send.call.number()}));
    CHECK(guest.tell_memory(guest.memory.whole()));
  }
  CHECK(open_files() == before);
}

// --- Indices

TEST("vhost hostile: the available index of the sending ring jumps") {
  Sender guest;
  guest.send.set_available(257);
  guest.check_taken_as(Violation::bad_available_index);
}

TEST("vhost hostile: the available index of the sending ring goes back") {
  Sender guest;
  guest.transmit(octets(60), 0);
  guest.transmit(octets(60), 1);
  CHECK(guest.take() && guest.take());
  guest.send.set_available(1);
  guest.check_taken_as(Violation::bad_available_index);
}

TEST("vhost hostile: the available index of the receiving ring jumps") {
  Receiver guest;
  guest.receive.set_available(40'000);
  guest.check_put_as(Violation::bad_available_index);
}

TEST("vhost hostile: the available index jumps while a frame is put into several buffers") {
  Receiver guest;
  guest.post(0, 100);
  CHECK(guest.put(octets(500)) == Put::no_room);
  guest.receive.set_available(300);
  guest.check_put_as(Violation::bad_available_index, 500);
}

TEST("vhost hostile: the available index jumps while a kick is waited for") {
  Sender guest;
  CHECK(!guest.back_end->arm(1));
  guest.send.set_available(1000);
  CHECK(!guest.back_end->arm(1));
  check_ended(guest, Violation::bad_available_index);
}

TEST("vhost hostile: the used index is changed by the guest") {
  Sender guest;
  guest.send.word(DriverRing::kUsedAt + 2) = 12345;
  guest.transmit(octets(60));
  CHECK(guest.take());
  guest.publish();
  CHECK(guest.send.used_index() == 1 && guest.violation() == Violation::none);
}

TEST("vhost hostile: a head beyond the table") {
  Sender guest;
  guest.send.offer(256);
  guest.check_taken_as(Violation::bad_descriptor_index);
  Receiver receiver;
  receiver.receive.offer(65535);
  receiver.check_put_as(Violation::bad_descriptor_index);
}

TEST("vhost hostile: the next descriptor is beyond the table") {
  Sender guest;
  guest.send.describe(0, FrontEnd::buffer(0), 60, kNext, 256);
  guest.send.offer(0);
  guest.check_taken_as(Violation::bad_descriptor_index);
}

// --- Chains

TEST("vhost hostile: a descriptor that follows itself") {
  Sender guest;
  guest.send.describe(3, FrontEnd::buffer(0), 60, kNext, 3);
  guest.send.offer(3);
  guest.check_taken_as(Violation::chain_too_long);
}

TEST("vhost hostile: a loop of empty descriptors") {
  Sender guest;
  guest.send.describe(0, FrontEnd::buffer(0), 0, kNext, 1);
  guest.send.describe(1, FrontEnd::buffer(0), 0, kNext, 0);
  guest.send.offer(0);
  guest.check_taken_as(Violation::chain_too_long);
}

TEST("vhost hostile: a loop in an indirect table") {
  Sender guest;
  const uint64_t table = FrontEnd::buffer(1);
  guest.send.describe_at(table, 0, FrontEnd::buffer(0), 60, kNext, 1);
  guest.send.describe_at(table, 1, FrontEnd::buffer(0), 60, kNext, 0);
  guest.send.describe(0, table, 32, kIndirectFlag);
  guest.send.offer(0);
  guest.check_taken_as(Violation::chain_too_long);
}

TEST("vhost hostile: a loop of receive buffers that have room for nothing") {
  Receiver guest;
  guest.receive.describe(0, FrontEnd::buffer(0), 0, kNext | kWritable, 0);
  guest.receive.offer(0);
  guest.check_put_as(Violation::chain_too_long);
}

TEST("vhost hostile: frames in more pieces than all buffers of a frame may have") {
  FrontEnd guest(32768);
  guest.connect();
  for (uint32_t i = 0; i < 5000; i++) {
    guest.receive.describe(i, FrontEnd::buffer(0), 13, kWritable);
    guest.receive.offer(i);
  }
  CHECK(guest.put(octets(60'000)) == Put::violated);
  check_ended(guest, Violation::chain_too_long);
}

TEST("vhost hostile: a frame to us in a buffer that is to be written") {
  Sender guest;
  guest.send.describe(0, FrontEnd::buffer(0), 20, kNext, 1);
  guest.send.describe(1, FrontEnd::buffer(0), 60, kWritable);
  guest.send.offer(0);
  guest.check_taken_as(Violation::wrong_direction);
}

TEST("vhost hostile: a receive buffer that is read-only is not written to") {
  Receiver guest;
  guest.receive.describe(0, FrontEnd::buffer(0), 2000, 0);
  guest.receive.offer(0);
  guest.check_put_as(Violation::wrong_direction);
  for (int i = 0; i < 100; i++) CHECK(guest.memory.at(FrontEnd::buffer(0))[i] == 0);
}

TEST("vhost hostile: a receive buffer without room for a header") {
  Receiver guest;
  guest.post(0, 11);
  guest.check_put_as(Violation::receive_buffer_too_small);
  Receiver empty;
  empty.post(0, 0);
  empty.check_put_as(Violation::receive_buffer_too_small);
  Receiver second;  // the second of two buffers for one frame is too small
  second.post(0, 40);
  second.post(1, 5);
  second.check_put_as(Violation::receive_buffer_too_small);
}

TEST("vhost hostile: buffers at addresses that no region has") {
  const uint64_t end = kGuestBase + 64 * kMegabyte;
  for (const uint64_t address : {uint64_t{0}, kGuestBase - 1, end, kUserBase, UINT64_MAX}) {
    Sender guest;
    guest.send.describe(0, address, 60, 0);
    guest.send.offer(0);
    guest.check_taken_as(Violation::buffer_outside_memory);
    Receiver receiver;
    receiver.receive.describe(0, address, 60, kWritable);
    receiver.receive.offer(0);
    receiver.check_put_as(Violation::buffer_outside_memory);
  }
}

TEST("vhost hostile: buffers that begin in a region and end beyond it") {
  const uint64_t end = kGuestBase + 64 * kMegabyte;
  for (const uint32_t length : {21u, 4096u, UINT32_MAX}) {
    Sender guest;
    guest.send.describe(0, end - 20, length, 0);
    guest.send.offer(0);
    guest.check_taken_as(Violation::buffer_outside_memory);
    Receiver receiver;
    receiver.receive.describe(0, end - 20, length, kWritable);
    receiver.receive.offer(0);
    receiver.check_put_as(Violation::buffer_outside_memory, 200);
  }
}

TEST("vhost hostile: a buffer whose end wraps around") {
  Sender guest;
  guest.send.describe(0, UINT64_MAX - 10, 60, 0);
  guest.send.offer(0);
  guest.check_taken_as(Violation::buffer_outside_memory);
}

// --- Indirect tables

TEST("vhost hostile: an indirect table that was not negotiated") {
  Sender guest(kAllFeatures & ~kIndirect);
  guest.send.describe(0, FrontEnd::buffer(0), 16, kIndirectFlag);
  guest.send.offer(0);
  guest.check_taken_as(Violation::unexpected_indirect);
}

TEST("vhost hostile: an indirect table in an indirect table") {
  Sender guest;
  const uint64_t table = FrontEnd::buffer(1);
  guest.send.describe_at(table, 0, table, 16, kIndirectFlag);
  guest.send.describe(0, table, 16, kIndirectFlag);
  guest.send.offer(0);
  guest.check_taken_as(Violation::unexpected_indirect);
}

TEST("vhost hostile: an indirect descriptor that is not the last") {
  Sender guest;
  guest.send.describe(0, FrontEnd::buffer(1), 16, kIndirectFlag | kNext, 1);
  guest.send.describe(1, FrontEnd::buffer(0), 16, 0);
  guest.send.offer(0);
  guest.check_taken_as(Violation::unexpected_indirect);
}

TEST("vhost hostile: indirect tables of sizes that cannot be") {
  for (const uint32_t size : {0u, 1u, 15u, 17u, 16u * 1025, UINT32_MAX}) {
    Sender guest;
    guest.send.describe(0, FrontEnd::buffer(1), size, kIndirectFlag);
    guest.send.offer(0);
    guest.check_taken_as(Violation::bad_indirect_table);
  }
}

TEST("vhost hostile: an indirect table that is not aligned, or not in one region") {
  Sender unaligned;
  unaligned.send.describe(0, FrontEnd::buffer(1) + 8, 16, kIndirectFlag);
  unaligned.send.offer(0);
  unaligned.check_taken_as(Violation::bad_indirect_table);
  for (const uint64_t address : {uint64_t{0}, kGuestBase + 64 * kMegabyte - 16, UINT64_MAX - 15}) {
    Sender guest;
    guest.send.describe(0, address, 32, kIndirectFlag);
    guest.send.offer(0);
    guest.check_taken_as(Violation::bad_indirect_table);
  }
}

TEST("vhost hostile: an indirect table whose next is beyond it") {
  Sender guest;
  const uint64_t table = FrontEnd::buffer(1);
  guest.send.describe_at(table, 0, FrontEnd::buffer(0), 60, kNext, 2);
  guest.send.describe(0, table, 32, kIndirectFlag);
  guest.send.offer(0);
  guest.check_taken_as(Violation::bad_descriptor_index);
}

}  // namespace tsvde::test
