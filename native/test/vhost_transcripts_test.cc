// Transcripts of front ends that do not run here: the messages that Cloud Hypervisor and crosvm send for a
// network device, in the order of their sources (virtio-devices/src/vhost_user of the one,
// devices/src/virtio/vhost_user_frontend of the other), then frames in both directions.
#include "test/vhost_driver.h"

namespace tsvde::test {
namespace {

constexpr uint64_t kMost = kOffloadFeatures | kMergedBuffers | kEventIndex | kProtocolFeatures | kVersion1;
constexpr uint64_t kProtocol = kMultiqueueProtocol | kReplyAckProtocol;

// Sends a message that asks for an acknowledgement, as Cloud Hypervisor does. Returns whether the
// acknowledgement reports success.
bool acknowledged(const FrontEnd& guest, Request request, const Octets& content = {},
                  std::vector<int> files = {}) {
  return guest.tell(request, content, std::move(files), kVersion | kNeedsReply) && guest.reply(request) == 0u;
}

void check_frames(FrontEnd& guest) {
  guest.transmit(octets(1514));
  const auto taken = guest.take();
  CHECK(taken && *taken == octets(1514));
  guest.post(0, 2048);
  CHECK(guest.put(octets(60)) == Put::done);
  CHECK(guest.contents(0, 72) == FrontEnd::with_header(octets(60)));
}

}  // namespace

TEST("vhost transcripts: Cloud Hypervisor starts a device, pauses and resumes it") {
  FrontEnd guest;
  CHECK(guest.tell(Request::set_owner));
  const auto offered = guest.ask(Request::get_features);
  CHECK((*offered & kMost) == kMost);
  CHECK((*guest.ask(Request::get_protocol_features) & kProtocol) == kProtocol);
  CHECK(guest.tell_number(Request::set_protocol_features, kProtocol));
  // From here on each message asks for an acknowledgement, even those that have replies of their own.
  CHECK(guest.tell(Request::get_queue_number, {}, {}, kVersion | kNeedsReply));
  const auto queues = guest.reply(Request::get_queue_number);
  CHECK(queues >= 2u);  // the source counts a receiving and a sending queue
  // Everything but USO is accepted. Other features that this front end knows are not offered to it.
  CHECK(acknowledged(guest, Request::set_features,
                     FrontEnd::payload(kMost & ~(kGuestUso4 | kGuestUso6 | kHostUso))));
  Octets table = FrontEnd::payload(MemoryTableHeader{1, 0});
  const Octets region = FrontEnd::payload(guest.memory.whole()[0]);
  table.insert(table.end(), region.begin(), region.end());
  CHECK(acknowledged(guest, Request::set_memory_table, table, {guest.memory.file.number()}));
  DriverRing* const rings[] = {&guest.receive, &guest.send};
  for (uint32_t i = 0; i < 2; i++)
    CHECK(acknowledged(guest, Request::set_ring_size, FrontEnd::payload(RingNumber{i, 256})));
  for (uint32_t i = 0; i < 2; i++) {
    const DriverRing& ring = *rings[i];
    CHECK(acknowledged(guest, Request::set_ring_addresses, FrontEnd::payload(ring.addresses(i))));
    CHECK(acknowledged(guest, Request::set_ring_base, FrontEnd::payload(RingNumber{i, 0})));
    CHECK(acknowledged(guest, Request::set_ring_call, FrontEnd::payload(uint64_t{i}), {ring.call.number()}));
    CHECK(acknowledged(guest, Request::set_ring_kick, FrontEnd::payload(uint64_t{i}), {ring.kick.number()}));
  }
  CHECK(!guest.back_end->active(0) && !guest.back_end->active(1));
  const auto enable = [&](uint32_t on) {
    for (uint32_t i = 0; i < 2; i++)
      CHECK(acknowledged(guest, Request::set_ring_enabled, FrontEnd::payload(RingNumber{i, on})));
  };
  enable(1);
  check_frames(guest);
  enable(0);
  CHECK(!guest.back_end->active(0) && !guest.back_end->active(1));
  guest.transmit(octets(60));
  CHECK(!guest.take());
  enable(1);
  CHECK(guest.take() && guest.violation() == Violation::none);
}

TEST("vhost transcripts: crosvm starts a device, and stops it") {
  FrontEnd guest;
  CHECK(guest.tell(Request::set_owner));
  CHECK((*guest.ask(Request::get_features) & kMost) == kMost);
  CHECK((*guest.ask(Request::get_protocol_features) & kProtocol) == kProtocol);
  CHECK(guest.tell_number(Request::set_protocol_features, kProtocol));
  CHECK(guest.ask(Request::get_queue_number) >= 2u);
  CHECK(guest.tell_number(Request::set_features, kMost));
  CHECK(guest.tell_memory(guest.memory.halves(16 * kMegabyte)));
  DriverRing* const rings[] = {&guest.receive, &guest.send};
  for (uint32_t i = 0; i < 2; i++) {
    const DriverRing& ring = *rings[i];
    CHECK(guest.tell_ring(Request::set_ring_size, i, 256));
    CHECK(guest.tell(Request::set_ring_addresses, FrontEnd::payload(ring.addresses(i))));
    CHECK(guest.tell_ring(Request::set_ring_base, i, 0));
    CHECK(guest.tell_number(Request::set_ring_call, i, {ring.call.number()}));
    CHECK(guest.tell_number(Request::set_ring_kick, i, {ring.kick.number()}));
    CHECK(guest.tell_ring(Request::set_ring_enabled, i, 1));
  }
  check_frames(guest);
  for (uint32_t i = 0; i < 2; i++) {
    CHECK(guest.tell_ring(Request::set_ring_enabled, i, 0));
    CHECK(guest.tell_ring(Request::get_ring_base, i, 0));
    uint32_t reply[5];
    CHECK(recv(guest.socket.number(), reply, sizeof reply, MSG_DONTWAIT) == sizeof reply);
    CHECK(reply[3] == i && reply[4] == 1);  // one entry of each ring was consumed
  }
  CHECK(!guest.back_end->active(0) && !guest.back_end->active(1));
}

}  // namespace tsvde::test
