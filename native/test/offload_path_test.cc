// Tests how the switch forwards unsegmented datagrams, to endpoints that accept them and to endpoints that do
// not.
#include "engine/offload/virtio_header.h"
#include "test/datagrams.h"

using namespace tsvde;
using namespace tsvde::test;

namespace {

constexpr Offloads kAll = kCompletesChecksums | kSegmentsTcp | kSegmentsUdp;

Datagram tcp_data(size_t payload) {
  Datagram d;
  d.payload = random_bytes(payload);
  return d;
}

// Forwards the unsegmented datagram from port 1, as a TAP delivers it.
void send_whole(Bench& bench, const Datagram& d) {
  Slot slot(whole_frame(d));
  const VirtioHeader header{.flags = 1,
                            .gso_type = 1,
                            .hdr_len = 0,
                            .gso_size = static_cast<uint16_t>(d.segment),
                            .csum_start = static_cast<uint16_t>(layout(d).transport),
                            .csum_offset = 16};
  CHECK(read_virtio_header(header, slot.frame));
  bench.forward(1, {&slot.frame, 1});
}

std::vector<Bytes> with_tag_of(uint8_t vlan, std::vector<Bytes> frames) {
  const Bytes tag = {0x81, 0, 0, vlan};
  for (Bytes& bytes : frames) bytes.insert(bytes.begin() + 12, tag.begin(), tag.end());
  return frames;
}

}  // namespace

TEST("a datagram is sent whole to endpoints that take it and in segments to others; both count segments") {
  Bench bench(1);
  FakeEndpoint& able = bench.attach(2, 4, kAll);
  FakeEndpoint& plain = bench.attach(3);
  const Datagram d = tcp_data(65000);
  send_whole(bench, d);
  CHECK(able.sent == std::vector<Bytes>{whole_frame(d)} && able.undone[0].segment_size == 1448);
  CHECK(plain.sent == wire_frames(d));
  uint64_t bytes = 0;
  for (const Bytes& one : wire_frames(d)) bytes += one.size();
  CHECK(bench.count(1, receive_unicast) == 45 && bench.count(1, receive_bytes) == bytes);
  for (const uint32_t port : {2u, 3u}) {
    CHECK(bench.count(port, transmit_unicast) == 45 && bench.count(port, transmit_bytes) == bytes);
  }
}

TEST("a datagram of more segments than a batch holds is sent in full") {
  Bench bench(2);
  Datagram d = tcp_data(20000);
  d.segment = 100;
  send_whole(bench, d);
  CHECK(bench.at(2).sent == wire_frames(d));
}

TEST("an endpoint with too few offloads for a datagram is given segments") {
  Bench bench(1);
  FakeEndpoint& checksums = bench.attach(2, 4, kCompletesChecksums);
  const Datagram d = tcp_data(10000);
  send_whole(bench, d);
  CHECK(checksums.sent == wire_frames(d));
}

TEST("two endpoints on one port both get segments if one needs them, and each segment counts once") {
  Bench bench(1);
  FakeEndpoint& able = bench.attach(2, 4, kAll);
  FakeEndpoint& plain = bench.attach(2);
  const Datagram d = tcp_data(10000);
  send_whole(bench, d);
  CHECK(able.sent == wire_frames(d) && plain.sent == wire_frames(d));
  CHECK(bench.count(2, transmit_unicast) == 7);
}

TEST("a slow endpoint gets the first segments, and the dropped ones are counted") {
  Bench bench(2);
  bench.at(2).room = 3;
  const Datagram d = tcp_data(65000);
  send_whole(bench, d);
  CHECK(bench.count(2, transmit_unicast) == 3 + 4 && bench.count(2, transmit_drop_queue_full) == 45 - 7);
  CHECK(bench.began_waiting == 1);
  bench.at(2).room = 100;
  bench.drain(2);
  auto expected = wire_frames(d);
  expected.resize(7);
  CHECK(bench.at(2).sent == expected);
}

TEST(
    "a datagram that waits for an endpoint with offloads stays whole; if it is dropped, it counts as its "
    "segments") {
  Bench bench(1);
  FakeEndpoint& able = bench.attach(2, 2, kAll);
  able.room = 0;
  const Datagram d = tcp_data(60000);
  for (int i = 0; i < 3; i++) send_whole(bench, d);
  CHECK(bench.count(2, transmit_unicast) == 2 * 42 && bench.count(2, transmit_drop_queue_full) == 42);
  able.room = 100;
  bench.drain(2);
  CHECK(able.sent == (std::vector<Bytes>{whole_frame(d), whole_frame(d)}));
  CHECK(able.undone[1].segment_size == 1448 && able.undone[1].checksum_start == 34);
}

TEST("a whole datagram that is refused counts as its segments, whether it was just forwarded or had waited") {
  for (const uint32_t first_room : {100u, 0u}) {
    Bench bench(1);
    FakeEndpoint& able = bench.attach(2, 4, kAll);
    able.room = first_room;
    able.errors = {0, EMSGSIZE, 0};
    const Datagram d = tcp_data(10'000);
    bench.send(1, {frame_bytes(kBroadcast, kA)});
    send_whole(bench, d);
    bench.send(1, {frame_bytes(kBroadcast, kA)});
    able.room = 100;
    bench.drain(2);
    CHECK(able.sent == (std::vector<Bytes>{frame_bytes(kBroadcast, kA), frame_bytes(kBroadcast, kA)}));
    CHECK(bench.count(2, transmit_drop_too_long) == 7);
    CHECK(!bench.sw.port(2)->attachments[0]->service.waiting);
  }
}

TEST(
    "a whole datagram that is filtered, or still waits when its endpoint is detached, counts as its "
    "segments") {
  Bench bench(2);
  const Datagram d = tcp_data(10'000);
  bench.sw.set_discarding(*bench.sw.port(1), 0, true);
  send_whole(bench, d);
  CHECK(bench.count(1, receive_drop_discarding) == 7);
  bench.sw.set_discarding(*bench.sw.port(1), 0, false);
  FakeEndpoint& able = bench.attach(3, 4, kAll);
  able.room = 0;
  send_whole(bench, d);
  able.set_offloads(0);
  able.room = 2;
  bench.drain(3);
  bench.sw.port(3)->drop_queued(*bench.sw.port(3)->attachments[0]);
  CHECK(bench.count(3, transmit_drop_closed) == 5);
}

TEST("a segment that is refused is dropped alone, whether its datagram was just forwarded or had waited") {
  for (const bool waited : {false, true}) {
    Bench bench(1);
    FakeEndpoint& able = bench.attach(2, 4, waited ? kAll : 0);
    able.room = waited ? 0 : 100;
    able.errors = {0, EMSGSIZE, 0, 0, EIO, 0, 0};
    const Datagram d = tcp_data(10'000);
    send_whole(bench, d);
    able.set_offloads(0);
    for (const uint32_t room : {2u, 100u}) {  // with 2, the endpoint is full between the two refusals
      able.room = room;
      bench.drain(2);
    }
    auto expected = wire_frames(d);
    expected.erase(expected.begin() + 4);
    expected.erase(expected.begin() + 1);
    CHECK(able.sent == expected);
    CHECK(bench.count(2, transmit_drop_too_long) == 1 && bench.count(2, transmit_drop_interface_down) == 1);
    CHECK(!bench.sw.port(2)->attachments[0]->service.waiting);
  }
}

TEST("a datagram that waits for an endpoint which then loses its offloads is sent in segments, each once") {
  Bench bench(1);
  FakeEndpoint& able = bench.attach(2, 3, kAll);
  able.room = 0;
  const Datagram d = tcp_data(10'000);
  bench.send(1, {frame_bytes(kBroadcast, kA)});
  send_whole(bench, d);
  bench.send(1, {frame_bytes(kBroadcast, kA)});
  able.set_offloads(kCompletesChecksums);
  auto expected = wire_frames(d);
  expected.insert(expected.begin(), frame_bytes(kBroadcast, kA));
  expected.push_back(frame_bytes(kBroadcast, kA));
  for (size_t sent = 0; sent < expected.size(); sent++) {
    CHECK(able.sent.size() == sent && bench.sw.port(2)->attachments[0]->service.waiting);
    able.room = 1;
    bench.drain(2);
  }
  bench.drain(2);
  CHECK(able.sent == expected && !bench.sw.port(2)->attachments[0]->service.waiting);
  CHECK(bench.count(2, transmit_unicast) == 7 && bench.count(2, transmit_drop_queue_full) == 0);
}

TEST("a tag is added to and removed from a whole datagram and each of its segments") {
  Bench bench(1);
  FakeEndpoint& able = bench.attach(2, 4, kAll);
  FakeEndpoint& plain = bench.attach(3);
  FakeEndpoint& untagged = bench.attach(4);
  bench.sw.vlans.set_created(5, true);
  bench.sw.set_untagged_vlan(*bench.sw.port(1), 5);
  bench.sw.set_untagged_vlan(*bench.sw.port(4), 5);
  for (const uint32_t port : {2u, 3u}) bench.sw.set_member(*bench.sw.port(port), 5, true);
  const Datagram d = tcp_data(30000);
  send_whole(bench, d);
  CHECK(able.sent == with_tag_of(5, {whole_frame(d)}) && able.undone[0].checksum_start == 38);
  CHECK(able.undone[0].header_size == 58);
  CHECK(plain.sent == with_tag_of(5, wire_frames(d)));
  CHECK(untagged.sent == wire_frames(d));

  bench.sw.set_untagged_vlan(*bench.sw.port(1), 0);
  bench.sw.set_member(*bench.sw.port(1), 5, true);
  Datagram tagged = d;
  tagged.tags = 1;  // the tag of VLAN 100
  bench.sw.vlans.set_created(100, true);
  bench.sw.set_member(*bench.sw.port(1), 100, true);
  bench.sw.set_untagged_vlan(*bench.sw.port(4), 100);
  untagged.sent.clear();
  send_whole(bench, tagged);
  CHECK(untagged.sent == wire_frames(d));
}

TEST(
    "segments of one batch are coalesced for an endpoint with offloads, tagged or not, and each is counted") {
  Bench bench(1);
  FakeEndpoint& able = bench.attach(2, 4, kAll);
  FakeEndpoint& plain = bench.attach(3);
  const Datagram d = tcp_data(30000);
  bench.send(1, wire_frames(d));
  CHECK(able.sent == std::vector<Bytes>{whole_frame(d)});
  CHECK(plain.sent == wire_frames(d));
  CHECK(bench.count(2, transmit_unicast) == 21 && bench.count(3, transmit_unicast) == 21);
  CHECK(bench.count(2, transmit_bytes) == bench.count(3, transmit_bytes));

  bench.sw.vlans.set_created(5, true);
  bench.sw.set_untagged_vlan(*bench.sw.port(1), 5);
  bench.sw.set_member(*bench.sw.port(2), 5, true);
  bench.send(1, wire_frames(d));
  CHECK(able.sent.back() == with_tag_of(5, {whole_frame(d)})[0] && able.undone.back().checksum_start == 38);
}

TEST("segments are not coalesced for a port with an endpoint that has no offloads") {
  Bench bench(1);
  FakeEndpoint& able = bench.attach(2, 4, kAll);
  bench.attach(2);
  const Datagram d = tcp_data(30000);
  bench.send(1, wire_frames(d));
  CHECK(able.sent == wire_frames(d));
}

TEST("a datagram longer than the longest frame is accepted if its segments are not") {
  Bench bench(2);
  const Datagram d = tcp_data(65535 - 40);  // 65549 bytes with all headers
  send_whole(bench, d);
  CHECK(bench.at(2).sent == wire_frames(d) && bench.count(1, receive_drop_too_long) == 0);
}
