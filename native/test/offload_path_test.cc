// Whole datagrams through the switch: to endpoints that take them and to those that do not.
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

// From port 1, as a TAP gives it.
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

TEST("a datagram reaches who takes it whole, and others in frames; both counters say the frames") {
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

TEST("more frames than a batch has are sent all the same") {
  Bench bench(2);
  Datagram d = tcp_data(20000);
  d.segment = 100;
  send_whole(bench, d);
  CHECK(bench.at(2).sent == wire_frames(d));
}

TEST("who takes less than a datagram needs is given frames") {
  Bench bench(1);
  FakeEndpoint& checksums = bench.attach(2, 4, kCompletesChecksums);
  const Datagram d = tcp_data(10000);
  send_whole(bench, d);
  CHECK(checksums.sent == wire_frames(d));
}

TEST("two endpoints on one port are both given frames, where one wants them, and a frame counts once") {
  Bench bench(1);
  FakeEndpoint& able = bench.attach(2, 4, kAll);
  FakeEndpoint& plain = bench.attach(2);
  const Datagram d = tcp_data(10000);
  send_whole(bench, d);
  CHECK(able.sent == wire_frames(d) && plain.sent == wire_frames(d));
  CHECK(bench.count(2, transmit_unicast) == 7);
}

TEST("a slow endpoint gets the first frames, and the rest is counted") {
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

TEST("what waits for an endpoint with offloads still is what it was; a drop counts the frames") {
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

TEST("datagrams that wait for an endpoint which then loses its offloads reach it as segments, each once") {
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

TEST("a tag is put on a whole datagram and on each of its frames, and taken off") {
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
  tagged.tags = 1;  // of VLAN 100
  bench.sw.vlans.set_created(100, true);
  bench.sw.set_member(*bench.sw.port(1), 100, true);
  bench.sw.set_untagged_vlan(*bench.sw.port(4), 100);
  untagged.sent.clear();
  send_whole(bench, tagged);
  CHECK(untagged.sent == wire_frames(d));
}

TEST(
    "segments of one batch enter an endpoint with offloads as one, with a tag or without, and count as "
    "many") {
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

TEST("between endpoints without offloads, and to one that shares a port with such, nothing is joined") {
  Bench bench(1);
  FakeEndpoint& able = bench.attach(2, 4, kAll);
  bench.attach(2);
  const Datagram d = tcp_data(30000);
  bench.send(1, wire_frames(d));
  CHECK(able.sent == wire_frames(d));
}

TEST("a datagram larger than a frame may be is none for it, where its frames are not") {
  Bench bench(2);
  const Datagram d = tcp_data(65535 - 40);  // 65549 bytes with its header
  send_whole(bench, d);
  CHECK(bench.at(2).sent == wire_frames(d) && bench.count(1, receive_drop_too_long) == 0);
}
