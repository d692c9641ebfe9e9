// Front ends that send invalid messages, or memory that differs from its description.
#include <string>

#include "test/vhost_hostile.h"

namespace tsvde::test {

// --- Messages

TEST("vhost hostile: a message of another protocol version") {
  FrontEnd guest;
  for (const uint32_t version : {0u, 2u, 3u}) {
    FrontEnd other;
    check_refused(other, other.tell(Request::get_features, {}, {}, version), Violation::bad_version);
  }
}

TEST("vhost hostile: a message that is marked as a reply") {
  FrontEnd guest;
  check_refused(guest, guest.tell(Request::get_features, {}, {}, kVersion | kReply), Violation::bad_version);
}

TEST("vhost hostile: a message that claims four gigabytes") {
  FrontEnd guest;
  const uint32_t header[3] = {5, 1, UINT32_MAX};
  guest.write(header, sizeof header);
  check_refused(guest, guest.back_end->answer(), Violation::bad_size);
}

TEST("vhost hostile: a message one byte longer than any may be") {
  FrontEnd guest;
  check_refused(guest, guest.tell(static_cast<Request>(77), Octets(kPayloadMost + 1)), Violation::bad_size);
}

TEST("vhost hostile: each message with a byte more and a byte less than it has") {
  for (uint32_t request = 1; request <= 18; request++) {
    if (request == 6 || request == 7) continue;  // not known
    const uint32_t size = request == 5   ? 40
                          : request == 9 ? 40
                          : request == 1 || request == 3 || request == 4 || request == 15 || request == 17
                              ? 0
                              : 8;
    FrontEnd longer;
    Octets content(size + 1);
    if (request == 5) content[0] = 1;
    check_refused(longer, longer.tell(static_cast<Request>(request), content), Violation::bad_size);
    if (size == 0) continue;
    FrontEnd shorter;
    content.resize(size - 1);
    check_refused(shorter, shorter.tell(static_cast<Request>(request), content), Violation::bad_size);
    FrontEnd empty;
    check_refused(empty, empty.tell(static_cast<Request>(request)), Violation::bad_size);
  }
}

TEST("vhost hostile: descriptors for a message that takes none") {
  FrontEnd guest;
  const size_t before = open_files();
  check_refused(guest, guest.tell(Request::get_features, {}, {guest.send.call.number()}),
                Violation::bad_descriptors);
  guest.back_end.reset();
  CHECK(open_files() == before - 1);
}

TEST("vhost hostile: two descriptors where one belongs, and none") {
  FrontEnd two;
  check_refused(two,
                two.tell_number(Request::set_ring_kick, 0, {two.send.kick.number(), two.send.kick.number()}),
                Violation::bad_descriptors);
  FrontEnd none;
  check_refused(none, none.tell_number(Request::set_ring_kick, 0), Violation::bad_descriptors);
  FrontEnd both;
  check_refused(both, both.tell_number(Request::set_ring_call, kNoDescriptor, {both.send.call.number()}),
                Violation::bad_descriptors);
}

TEST("vhost hostile: more descriptors than any message takes are closed") {
  FrontEnd guest;
  const size_t before = open_files();
  check_refused(guest, guest.tell(static_cast<Request>(99), {}, copies(guest.send.call.number(), 253)),
                Violation::bad_descriptors);
  CHECK(open_files() == before);
}

TEST("vhost hostile: a few descriptors with every byte of a header") {
  FrontEnd guest;
  const size_t before = open_files();
  const Octets bytes = FrontEnd::message(99, {});
  bool goes_on = true;
  for (const uint8_t& byte : bytes) {
    guest.write(&byte, 1, copies(guest.send.call.number(), 3));
    goes_on = goes_on && guest.back_end->answer();
    if (!goes_on) break;
  }
  check_refused(guest, goes_on, Violation::bad_descriptors);
  CHECK(open_files() == before);
}

TEST("vhost hostile: descriptors with the payload") {
  FrontEnd guest;
  const size_t before = open_files();
  const Octets bytes = FrontEnd::message(12, FrontEnd::payload(uint64_t{0}));
  guest.write(bytes.data(), 12);
  guest.write(&bytes[12], 8, {guest.send.kick.number()});
  check_refused(guest, guest.back_end->answer(), Violation::bad_descriptors);
  CHECK(open_files() == before);
}

TEST("vhost hostile: silence in the middle of a message, and its end there") {
  FrontEnd guest;
  const size_t before = open_files();
  const Octets bytes = FrontEnd::message(12, FrontEnd::payload(uint64_t{0}));
  guest.write(bytes.data(), 15, {guest.send.kick.number()});
  for (int i = 0; i < 100; i++) CHECK(guest.back_end->answer());
  CHECK(open_files() == before + 1);
  guest.socket = Fd();
  CHECK(!guest.back_end->answer() && guest.violation() == Violation::none);
  guest.back_end.reset();
  CHECK(open_files() == before - 2);
}

TEST("vhost hostile: rings that do not exist") {
  for (const uint32_t request : {8u, 10u, 11u, 18u}) {
    for (const uint32_t ring : {2u, 255u, 256u, UINT32_MAX}) {
      FrontEnd guest;
      check_refused(guest, guest.tell_ring(static_cast<Request>(request), ring, 0),
                    Violation::bad_ring_index);
    }
  }
  for (const uint32_t request : {12u, 13u, 14u}) {
    FrontEnd guest;
    check_refused(guest, guest.tell_number(static_cast<Request>(request), 2, {guest.send.kick.number()}),
                  Violation::bad_ring_index);
  }
  FrontEnd guest;
  RingAddresses addresses = guest.send.addresses(1);
  addresses.ring = 2;
  check_refused(guest, guest.tell(Request::set_ring_addresses, FrontEnd::payload(addresses)),
                Violation::bad_ring_index);
}

TEST("vhost hostile: answers that are never read") {
  FrontEnd guest;
  const int small = 4096;
  setsockopt(guest.back_end->socket(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
  const Octets bytes = FrontEnd::message(1, {});
  bool goes_on = true;
  for (int i = 0; i < 10'000 && goes_on; i++) {
    guest.write(bytes.data(), bytes.size());
    goes_on = guest.back_end->answer();
  }
  check_refused(guest, goes_on, Violation::reply_blocked);
}

TEST("vhost hostile: features that were not offered") {
  for (int number = 0; number < 64; number++) {
    if ((kOfferedFeatures & bit(number)) != 0) continue;
    FrontEnd guest;
    check_refused(guest, guest.tell_number(Request::set_features, kVersion1 | bit(number)),
                  Violation::bad_features);
  }
}

TEST("vhost hostile: protocol features that were not offered") {
  FrontEnd guest;
  check_refused(guest, guest.tell_number(Request::set_protocol_features, UINT64_MAX),
                Violation::bad_features);
}

TEST("vhost hostile: features without version 1") {
  FrontEnd guest;
  check_refused(guest, guest.tell_number(Request::set_features, kProtocolFeatures | kMergedBuffers),
                Violation::no_version_1);
}

TEST("vhost hostile: a kick or a call that is a pipe, a file, a socket or memory") {
  const GuestMemory memory;
  int ends[2];
  CHECK(pipe2(ends, O_CLOEXEC) == 0);
  const Fd reader(ends[0]);
  const Fd writer(ends[1]);
  const Fd file(open("/dev/zero", O_RDWR | O_CLOEXEC));
  const Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  for (const Request request : {Request::set_ring_kick, Request::set_ring_call, Request::set_ring_error}) {
    for (const int fd : {ends[0], ends[1], file.number(), socket.number(), memory.file.number()}) {
      FrontEnd guest;
      check_refused(guest, guest.tell_number(request, 0, {fd}), Violation::not_an_eventfd);
    }
  }
}

// --- Memory

TEST("vhost hostile: a memory table of no regions, of nine, and of four billion") {
  for (const uint32_t count : {0u, 9u, UINT32_MAX}) {
    FrontEnd guest;
    check_refused(guest,
                  guest.tell(Request::set_memory_table, FrontEnd::payload(MemoryTableHeader{count, 0})),
                  Violation::bad_region_count);
  }
}

TEST("vhost hostile: a memory table with fewer files than regions, and with more") {
  FrontEnd fewer;
  check_refused(fewer, fewer.tell_memory(fewer.memory.halves(kMegabyte), {fewer.memory.file.number()}),
                Violation::bad_descriptors);
  FrontEnd more;
  check_refused(more, more.tell_memory(more.memory.whole(), copies(more.memory.file.number(), 2)),
                Violation::bad_descriptors);
}

TEST("vhost hostile: a memory table with bad regions") {
  const auto refused = [](const MemoryRegion& region, Violation why) {
    FrontEnd guest;
    check_refused(guest, guest.tell_memory({region}), why);
  };
  refused({kGuestBase, 0, kUserBase, 0}, Violation::empty_region);
  refused({UINT64_MAX - 4095, 8192, kUserBase, 0}, Violation::region_overflow);
  refused({kGuestBase, 4096, kUserBase, 100}, Violation::unaligned_region);
  refused({kGuestBase, uint64_t{1} << 40, kUserBase, 0}, Violation::short_file);
}

TEST("vhost hostile: memory that is replaced while the rings in it run, by less") {
  FrontEnd guest;
  guest.connect();
  guest.transmit(octets(60));
  CHECK(guest.take());
  check_refused(guest, guest.tell_memory({{kGuestBase, 4096, kUserBase, 0}}), Violation::ring_outside_memory);
  check_ended(guest, Violation::ring_outside_memory);
}

TEST("vhost hostile: memory that is replaced while the rings in it run, by a refused table") {
  FrontEnd guest;
  guest.connect();
  check_refused(guest, guest.tell_memory({{kGuestBase, 4097, kUserBase, 0}}), Violation::unaligned_region);
  check_ended(guest, Violation::unaligned_region);
}

TEST("vhost hostile: memory that is truncated while frames are taken") {
  Sender guest;
  guest.transmit(octets(60), 0);
  guest.transmit(octets(60), 1);
  CHECK(guest.take());
  CHECK(ftruncate(guest.memory.file.number(), 0) == 0);
  (void)guest.take();
  check_ended(guest, Violation::memory_vanished);
}

TEST("vhost hostile: memory that is truncated while frames are put, between a buffer and its ring") {
  Receiver guest;
  guest.post(0, 2000);
  CHECK(ftruncate(guest.memory.file.number(), 2 * kMegabyte) == 0);
  CHECK(guest.put(octets(1000)) == Put::done);
  check_ended(guest, Violation::memory_vanished);
}

TEST("vhost hostile: memory that is truncated before its rings start") {
  FrontEnd guest;
  CHECK(guest.tell_number(Request::set_features, kAllFeatures));
  CHECK(guest.tell_memory(guest.memory.whole()));
  CHECK(ftruncate(guest.memory.file.number(), 0) == 0);
  CHECK(guest.tell_ring(Request::set_ring_size, 1, 256));
  CHECK(guest.tell(Request::set_ring_addresses, FrontEnd::payload(guest.send.addresses(1))));
  check_refused(guest, guest.tell_number(Request::set_ring_kick, 1, {guest.send.kick.number()}),
                Violation::memory_vanished);
}

TEST("vhost hostile: memory that can shrink where that is refused") {
  FrontEnd guest(256, {.sealed = true});
  check_refused(guest, guest.tell_memory(guest.memory.whole()), Violation::memory_can_shrink);
}

TEST("vhost hostile: every reason has a name and a sentence") {
  for (size_t i = 1; i < kViolations.size(); i++)
    CHECK(std::strlen(kViolations[i].name) > 3 && std::strlen(kViolations[i].text) > 10);
  CHECK(std::string(name_of(Violation::short_file)) == "short_file");
  CHECK(std::string(text_of(Violation::none)).empty());
}

}  // namespace tsvde::test
