// The messages of a front end: transcripts of QEMU 7.2 and of DPDK's virtio-user 22.11, and the effect of
// each message.
#include <sys/epoll.h>

#include "test/vhost_driver.h"

namespace tsvde::test {
namespace {

Octets nothing() {
  return {};
}

}  // namespace

TEST("vhost features: the masks have all bits that they ever had") {
  // Bits may be added but never removed: see vhost/features.h. These are the bits of the first release.
  constexpr uint64_t kFeatures = 0x01c0'0009'7000'bb83;
  constexpr uint64_t kProtocol = 0x9;
  CHECK((kOfferedFeatures & kFeatures) == kFeatures);
  CHECK((kOfferedProtocol & kProtocol) == kProtocol);
  // The features that the driver of Linux 6.1 and DPDK's virtio-user accepted.
  CHECK((kOfferedFeatures & 0x1'7000'bb83) == 0x1'7000'bb83);
  CHECK((kOfferedFeatures & 0x1'5000'8000) == 0x1'5000'8000);
}

TEST("vhost features: each is offered") {
  const FrontEnd guest;
  CHECK(guest.ask(Request::get_features) == kOfferedFeatures);
  CHECK(guest.ask(Request::get_protocol_features) == kOfferedProtocol);
  CHECK(guest.ask(Request::get_queue_number) == 2u);
}

TEST("vhost messages: what QEMU 7.2 sends at start, and when the driver is ready") {
  FrontEnd guest;
  CHECK(guest.ask(Request::get_features).has_value());
  CHECK(guest.ask(Request::get_protocol_features).has_value());
  CHECK(guest.tell_number(Request::set_protocol_features, 9));
  CHECK(guest.ask(Request::get_queue_number).has_value());
  CHECK(guest.tell(Request::set_owner));
  CHECK(guest.ask(Request::get_features).has_value());
  const Fd early(eventfd(0, EFD_CLOEXEC));
  for (const uint64_t ring : {0, 1}) {
    CHECK(guest.tell_number(Request::set_ring_call, ring, {early.number()}));
    CHECK(guest.tell_number(Request::set_ring_error, ring, {early.number()}));
  }
  CHECK(guest.tell_ring(Request::set_ring_enabled, 0, 1));
  CHECK(guest.tell_ring(Request::set_ring_enabled, 1, 1));
  CHECK(!guest.back_end->active(0) && !guest.back_end->active(1));

  for (int i = 0; i < 4; i++) {
    CHECK(guest.tell_ring(Request::set_ring_enabled, 0, 1));
    CHECK(guest.tell_ring(Request::set_ring_enabled, 1, 1));
  }
  CHECK(guest.tell_number(Request::set_features, 0x1'7000'bb83));
  CHECK(guest.accepted == 0x1'7000'bb83);
  CHECK(guest.tell_memory(guest.memory.whole(), {guest.memory.file.number()}, kVersion | kNeedsReply));
  CHECK(guest.reply(Request::set_memory_table) == 0u);
  guest.set_up(guest.receive, 0);
  CHECK(guest.back_end->active(0) && !guest.back_end->active(1));
  guest.set_up(guest.send, 1);
  CHECK(guest.back_end->active(1));
  guest.transmit(octets(60));
  CHECK(guest.take() == octets(60));
}

TEST("vhost messages: what DPDK's virtio-user 22.11 sends, from start to end") {
  FrontEnd guest;
  CHECK(guest.tell(Request::set_owner));
  CHECK(guest.ask(Request::get_features).has_value());
  CHECK(guest.ask(Request::get_protocol_features).has_value());
  CHECK(guest.tell_number(Request::set_protocol_features, 9));
  CHECK(guest.tell_number(Request::set_ring_call, 0, {guest.receive.call.number()}));
  CHECK(guest.tell_number(Request::set_ring_call, 1, {guest.send.call.number()}));
  CHECK(guest.tell_number(Request::set_features, 0x1'5000'8000));
  // virtio-user's guest addresses are addresses in its own process.
  CHECK(guest.tell_memory({{kUserBase, guest.memory.size, kUserBase, 0}}, {guest.memory.file.number()},
                          kVersion | kNeedsReply));
  CHECK(guest.reply(Request::set_memory_table) == 0u);
  for (const uint32_t ring : {0, 1}) {
    DriverRing& driver = ring == 0 ? guest.receive : guest.send;
    CHECK(guest.tell_ring(Request::set_ring_size, ring, 256));
    CHECK(guest.tell_ring(Request::set_ring_base, ring, 0));
    CHECK(guest.tell(Request::set_ring_addresses, FrontEnd::payload(driver.addresses(ring))));
    CHECK(guest.tell_number(Request::set_ring_kick, ring, {driver.kick.number()}));
    CHECK(!guest.back_end->active(ring));
  }
  CHECK(guest.tell_ring(Request::set_ring_enabled, 0, 1) && guest.tell_ring(Request::set_ring_enabled, 1, 1));
  CHECK(guest.back_end->active(0) && guest.back_end->active(1));

  CHECK(guest.tell_ring(Request::set_ring_enabled, 0, 0) && guest.tell_ring(Request::set_ring_enabled, 1, 0));
  CHECK(!guest.back_end->active(0) && !guest.back_end->active(1));
  // The bytes after the ring's index are garbage.
  CHECK(guest.ask(Request::get_ring_base, FrontEnd::payload(RingNumber{0, 0xdeadbeef})) == 0u);
  CHECK(guest.ask(Request::get_ring_base, FrontEnd::payload(RingNumber{1, 0xdeadbeef})) == 1u);
  guest.socket = Fd();
  CHECK(!guest.back_end->answer() && guest.violation() == Violation::none);
}

TEST("vhost messages: rings are enabled from the start if protocol features were not accepted") {
  FrontEnd guest;
  CHECK(guest.tell_number(Request::set_features, kOldestFeatures));
  CHECK(guest.tell_memory(guest.memory.whole()));
  guest.set_up(guest.send, 1);
  CHECK(guest.back_end->active(1));
  CHECK(!guest.back_end->active(0));
}

TEST("vhost messages: no frame moves before the features are accepted") {
  FrontEnd guest;
  CHECK(guest.tell_memory(guest.memory.whole()));
  guest.set_up(guest.send, 1);
  guest.transmit(octets(60));
  CHECK(!guest.back_end->active(1) && !guest.take());
  CHECK(guest.tell_number(Request::set_features, kOldestFeatures));
  CHECK(guest.take() == octets(60));
}

TEST("vhost messages: one byte at a time") {
  FrontEnd guest;
  Octets bytes = FrontEnd::message(2, FrontEnd::payload(kAllFeatures));
  const Octets more = FrontEnd::message(1, {});
  bytes.insert(bytes.end(), more.begin(), more.end());
  for (const uint8_t& byte : bytes) {
    CHECK(guest.accepted == (&byte - bytes.data() >= 20 ? kAllFeatures : 0));
    guest.write(&byte, 1);
    CHECK(guest.back_end->answer());
  }
  CHECK(guest.reply(Request::get_features) == kOfferedFeatures);
}

TEST("vhost messages: descriptors that come with any piece of the header belong to its message") {
  FrontEnd guest;
  const Octets kick = FrontEnd::message(12, FrontEnd::payload(uint64_t{0}));
  guest.write(kick.data(), 5);
  CHECK(guest.back_end->answer());
  guest.write(&kick[5], 3, {guest.receive.kick.number()});
  CHECK(guest.back_end->answer());
  guest.write(&kick[8], kick.size() - 8);
  CHECK(guest.back_end->answer());
  CHECK(guest.events.size() == 1 && guest.events[0].what == 'o' && guest.events[0].ring == 0);
}

TEST("vhost messages: two messages in one piece keep their own descriptors") {
  FrontEnd guest;
  Octets both = FrontEnd::message(13, FrontEnd::payload(uint64_t{1}));
  guest.write(both.data(), both.size(), {guest.send.call.number()});
  const Octets kick = FrontEnd::message(12, FrontEnd::payload(uint64_t{1}));
  guest.write(kick.data(), kick.size(), {guest.send.kick.number()});
  const Octets none = FrontEnd::message(13, FrontEnd::payload(uint64_t{0} | kNoDescriptor));
  guest.write(none.data(), none.size());
  CHECK(guest.back_end->answer() && guest.events.size() == 1);
  eventfd_write(guest.send.kick.number(), 5);
  eventfd_t count = 0;
  CHECK(eventfd_read(guest.events[0].fd, &count) == 0 && count == 5);
}

TEST("vhost messages: an acknowledgement comes only where it was negotiated and is asked for") {
  FrontEnd guest;
  const auto owner = [&](uint32_t flags) {
    CHECK(guest.tell(Request::set_owner, nothing(), {}, flags));
    return guest.reply(Request::set_owner);
  };
  CHECK(!owner(kVersion | kNeedsReply));
  CHECK(guest.tell_number(Request::set_protocol_features, kReplyAckProtocol));
  CHECK(owner(kVersion | kNeedsReply) == 0u);
  CHECK(!owner(kVersion));
  // A request that has a reply is not acknowledged in addition.
  CHECK(guest.tell(Request::get_features, nothing(), {}, kVersion | kNeedsReply));
  CHECK(guest.reply(Request::get_features) == kOfferedFeatures);
  CHECK(!guest.reply(Request::get_features));
}

TEST("vhost messages: one that is not known is refused if it asks, else ignored, and its files are closed") {
  FrontEnd guest;
  CHECK(guest.tell_number(Request::set_protocol_features, kReplyAckProtocol));
  for (const uint32_t number : {6u, 7u, 19u, 20u, 24u, 31u, 37u, 1000u}) {
    const auto request = static_cast<Request>(number);
    CHECK(guest.tell(request, octets(100), {guest.receive.call.number(), guest.receive.kick.number()}));
    CHECK(!guest.reply(request));
    CHECK(guest.tell(request, octets(8), {}, kVersion | kNeedsReply));
    CHECK(guest.reply(request).value_or(0) != 0);
  }
  CHECK(guest.tell(static_cast<Request>(99), octets(kPayloadMost)));
}

TEST("vhost messages: GET_VRING_BASE says where the ring stands, and stops it") {
  FrontEnd guest;
  guest.connect();
  for (uint32_t i = 0; i < 3; i++) guest.transmit(octets(60), i);
  CHECK(guest.take() && guest.take());
  guest.events.clear();
  CHECK(guest.ask(Request::get_ring_base, FrontEnd::payload(RingNumber{1, 0})) == (uint64_t{2} << 32 | 1));
  CHECK(guest.send.used_index() == 2);  // all used entries were published
  CHECK(guest.events.size() == 1 && guest.events[0].what == 'c');
  CHECK(!guest.take() && !guest.back_end->active(1) && guest.back_end->active(0));
  // Another kick starts the ring where it was, with the same settings.
  CHECK(guest.tell_number(Request::set_ring_kick, 1, {guest.send.kick.number()}));
  CHECK(guest.back_end->active(1) && guest.take() && !guest.take());
}

TEST("vhost messages: a ring that is started again begins at its new base and the memory's used index") {
  FrontEnd guest;
  guest.send.set_available(1000);
  guest.send.set_used_index(1000);
  CHECK(guest.tell_number(Request::set_features, kOldestFeatures));
  CHECK(guest.tell_memory(guest.memory.whole()));
  guest.set_up(guest.send, 1, 1000);
  CHECK(!guest.take());
  guest.transmit(octets(99), 7);
  CHECK(guest.take() == octets(99));
  guest.publish();
  CHECK(guest.send.used_index() == 1001 && guest.send.used()->head == 7);
}

TEST("vhost messages: a back end that starts, or gets another call, interrupts once, since one may be owed") {
  FrontEnd guest;
  CHECK(guest.tell_number(Request::set_features, kAllFeatures));
  CHECK(guest.tell_number(Request::set_ring_call, 0, {guest.receive.call.number()}));
  CHECK(signals(guest.receive.call) == 0);
  CHECK(guest.tell_memory(guest.memory.whole()));
  guest.set_up(guest.receive, 0);
  CHECK(signals(guest.receive.call) == 2);
}

TEST("vhost messages: a second kick replaces the first, and the owner hears of both") {
  FrontEnd guest;
  guest.connect();
  guest.events.clear();
  CHECK(guest.tell_number(Request::set_ring_kick, 1, {guest.receive.kick.number()}));
  CHECK(guest.events.size() == 2 && guest.events[0].what == 'c' && guest.events[1].what == 'o');
  CHECK(guest.back_end->queue(1).kick() == guest.events[1].fd && guest.back_end->active(1));
  CHECK(guest.tell_number(Request::set_ring_kick, 1 | kNoDescriptor));
  CHECK(guest.back_end->queue(1).kick() == -1 && guest.back_end->active(1));
}

TEST("vhost messages: a ring's settings may come in any order") {
  FrontEnd guest;
  CHECK(guest.tell_number(Request::set_ring_kick, 1, {guest.send.kick.number()}));
  CHECK(guest.tell(Request::set_ring_addresses, FrontEnd::payload(guest.send.addresses(1))));
  CHECK(guest.tell_ring(Request::set_ring_enabled, 1, 1));
  CHECK(guest.tell_ring(Request::set_ring_size, 1, 256));
  CHECK(guest.tell_number(Request::set_features, kAllFeatures));
  CHECK(!guest.back_end->active(1));
  CHECK(guest.tell_memory(guest.memory.whole()));
  CHECK(guest.back_end->active(1));
  guest.transmit(octets(60));
  CHECK(guest.take() == octets(60));
}

TEST("vhost messages: SET_MEM_TABLE while rings run finds them again") {
  FrontEnd guest;
  guest.connect();
  guest.transmit(octets(60), 0);
  CHECK(guest.take());
  CHECK(guest.tell_memory(guest.memory.halves(4 * kMegabyte)));
  CHECK(guest.send.used_index() == 1);
  guest.transmit(octets(61), 1);
  CHECK(guest.take() == octets(61));
  guest.post(0, 2000);
  CHECK(guest.put(octets(60)) == Put::done);
  CHECK(guest.publish() == 1);
  CHECK(guest.receive.used()->written == 72);
}

TEST("vhost messages: SET_FEATURES, SET_VRING_ADDR and ENABLE are legal while rings run") {
  FrontEnd guest;
  guest.connect();
  CHECK(guest.tell_number(Request::set_features, kAllFeatures));
  CHECK(guest.tell(Request::set_ring_addresses, FrontEnd::payload(guest.send.addresses(1))));
  CHECK(guest.tell_ring(Request::set_ring_enabled, 1, 1) && guest.tell_ring(Request::set_ring_enabled, 1, 1));
  CHECK(guest.tell(Request::reset_owner));
  guest.transmit(octets(60));
  CHECK(guest.take() == octets(60));
}

TEST("vhost messages: a flood of them is answered a few at a time") {
  const FrontEnd guest;
  const Octets message = FrontEnd::message(3, {});
  for (int i = 0; i < 100; i++) guest.write(message.data(), message.size());
  int turns = 0;
  for (uint8_t byte = 0; recv(guest.back_end->socket(), &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 1; turns++)
    CHECK(guest.back_end->answer());
  CHECK(turns > 4);
}

TEST("vhost messages: a kick of an edge-triggered eventfd need not be read") {
  FrontEnd guest;
  guest.connect();
  const Fd set(epoll_create1(EPOLL_CLOEXEC));
  epoll_event wanted{.events = EPOLLIN | EPOLLET, .data = {}};
  CHECK(epoll_ctl(set.number(), EPOLL_CTL_ADD, guest.back_end->queue(1).kick(), &wanted) == 0);
  for (int i = 0; i < 3; i++) {
    eventfd_write(guest.send.kick.number(), 1);
    epoll_event event{};
    CHECK(epoll_wait(set.number(), &event, 1, 1000) == 1);
    CHECK(epoll_wait(set.number(), &event, 1, 0) == 0);
  }
}

}  // namespace tsvde::test
