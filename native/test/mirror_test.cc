// Tests which frames a mirror copies, and that its target takes no other part in the switch.
#include "engine/mirror.h"

#include "engine/offload/virtio_header.h"
#include "test/datagrams.h"
#include "test/loops.h"

using namespace tsvde;
using namespace tsvde::test;

namespace {

const Bytes kFrame = frame_bytes(kBroadcast, kA);

// A switch whose port `to` is the target of a mirror.
struct Mirrored : Bench {
  explicit Mirrored(MirrorSettings settings, uint32_t ports = 4, uint32_t to = 4) : Bench(ports) {
    sw.observed = true;
    sw.add_mirror(1, std::move(settings), *sw.port(to));
  }
  uint64_t copied() { return sw.mirrors().find(1)->frames; }
};

}  // namespace

TEST("a mirror copies what the switch receives from a port and what it sends to it, each frame once") {
  Mirrored bench({.ports = {1, 2}});
  bench.send(1, {kFrame, frame_bytes(kB, kA)});  // received from 1 and sent to 2
  CHECK(bench.at(4).sent == (std::vector<Bytes>{kFrame, frame_bytes(kB, kA)}));
  bench.send(3, {frame_bytes(kA, kB)});
  bench.send(2, {frame_bytes(kB, kBroadcast)});
  CHECK(bench.at(4).sent.size() == 4 && bench.copied() == 4);
  bench.send(3, {frame_bytes(kB, 0x0200'0000'000c)});  // from 3 to 3
  CHECK(bench.at(4).sent.size() == 4);
  CHECK(bench.at(1).sent.size() == 1 && bench.at(2).sent.size() == 2);
}

TEST("a mirror of one direction copies only that") {
  Mirrored received({.ports = {1}, .transmitted = false});
  received.send(1, {kFrame});
  received.send(2, {kFrame});
  CHECK(received.at(4).sent.size() == 1 && received.copied() == 1);
  Mirrored transmitted({.ports = {1}, .received = false});
  transmitted.send(1, {kFrame});
  CHECK(transmitted.at(4).sent.empty());
  transmitted.send(2, {kFrame});
  CHECK(transmitted.at(4).sent.size() == 1);
}

TEST("the target of a mirror gets nothing but copies, and injects nothing") {
  Bench bench(4);
  bench.send(4, {frame_bytes(kBroadcast, kB)});
  CHECK(bench.sw.macs.size() == 1);
  bench.sw.observed = true;
  bench.sw.add_mirror(1, {.ports = {1}}, *bench.sw.port(4));
  CHECK(bench.sw.macs.size() == 0);
  bench.send(2, {kFrame, frame_bytes(kB, kA), frame_bytes(0x0100'5e00'0001, kA)});
  CHECK(bench.at(4).sent.size() == 3);  // sent to port 1
  bench.send(1, {frame_bytes(kA, kBroadcast)});
  CHECK(bench.at(4).sent.size() == 4);
  const size_t before = bench.at(1).sent.size();
  bench.send(4, {kFrame, frame_bytes(kA, kB)});
  CHECK(bench.at(1).sent.size() == before && bench.at(4).sent.size() == 4);
  CHECK(bench.count(4, receive_drop_mirror) == 2 && bench.sw.macs.size() == 1);
  Slot own(frame_bytes(0x0180'c200'0000, kA));
  bench.sw.send(*bench.sw.port(4), own.frame);
  bench.flush();
  CHECK(bench.at(4).sent.size() == 4);
  bench.sw.hub = true;
  bench.send(3, {kFrame});
  bench.send(4, {kFrame});
  CHECK(bench.at(4).sent.size() == 5 && bench.count(4, receive_drop_mirror) == 3);
  bench.sw.hub = false;
  CHECK(bench.sw.remove_mirror(1) == bench.sw.port(4) && bench.sw.remove_mirror(1) == nullptr);
  bench.send(4, {frame_bytes(kBroadcast, kB)});
  bench.send(1, {frame_bytes(kB, kA)});
  CHECK(bench.at(4).sent.size() == 6 && bench.sw.macs.size() == 2);
}

TEST("a mirror of a VLAN copies its frames from all ports, with tags as the target's VLANs say") {
  Mirrored bench({.vlan = 10}, 5, 5);
  for (const uint16_t vlan : {10, 20}) bench.sw.vlans.set_created(vlan, true);
  bench.sw.set_untagged_vlan(*bench.sw.port(1), 10);
  bench.sw.set_member(*bench.sw.port(2), 10, true);
  bench.sw.set_member(*bench.sw.port(2), 20, true);
  bench.send(1, {kFrame});
  bench.send(2, {tagged(kFrame, 10), tagged(kFrame, 20), kFrame});
  bench.send(3, {kFrame, tagged(kFrame, 10)});  // the tagged one is dropped: port 3 is not a member
  CHECK(bench.at(5).sent == (std::vector<Bytes>{tagged(kFrame, 10), tagged(kFrame, 10)}));
  bench.sw.set_untagged_vlan(*bench.sw.port(5), 10);
  bench.send(2, {tagged(kFrame, 10)});
  CHECK(bench.at(5).sent.size() == 3 && bench.at(5).sent[2] == kFrame);
  CHECK(bench.copied() == 3);
}

TEST("a whole batch that is flooded with and without a tag is copied") {
  Mirrored bench({.ports = {1}});
  bench.sw.vlans.set_created(10, true);
  for (const uint32_t port : {1, 2}) bench.sw.set_untagged_vlan(*bench.sw.port(port), 10);
  bench.sw.set_member(*bench.sw.port(3), 10, true);
  bench.send(1, std::vector<Bytes>(kBatch, kFrame));
  CHECK(bench.at(4).sent == std::vector<Bytes>(kBatch, tagged(kFrame, 10)));
  CHECK(bench.at(2).sent == std::vector<Bytes>(kBatch, kFrame));
  CHECK(bench.at(3).sent == std::vector<Bytes>(kBatch, tagged(kFrame, 10)));
}

TEST("frames of our own are mirrored too") {
  Mirrored bench({.ports = {1}, .received = false});
  Slot own(frame_bytes(0x0180'c200'0000, kA));
  bench.sw.send(*bench.sw.port(1), own.frame);
  bench.flush();
  CHECK(bench.at(1).sent.size() == 1 && bench.at(4).sent == bench.at(1).sent);
}

TEST("two mirrors of one port each copy a frame, even to one target") {
  Mirrored bench({.ports = {1}});
  bench.sw.add_mirror(2, {.ports = {1}}, *bench.sw.port(4));
  bench.sw.add_mirror(3, {.ports = {1}}, *bench.sw.port(3));
  bench.send(1, std::vector<Bytes>(kBatch, kFrame));
  CHECK(bench.at(4).sent.size() == 2 * kBatch && bench.at(3).sent.size() == kBatch);
  CHECK(bench.sw.remove_mirror(2) == nullptr);
  bench.send(4, {kFrame});
  CHECK(bench.count(4, receive_drop_mirror) == 1);
}

TEST("a target without an endpoint, or removed, gets no copies") {
  Bench bench(2);
  bench.sw.observed = true;
  bench.sw.add_mirror(1, {.ports = {1}}, bench.sw.add_port(9));
  bench.send(1, {kFrame});
  bench.attach(9);
  bench.send(1, {kFrame});
  CHECK(bench.at(9).sent.size() == 1);
  bench.sw.remove_port(9);
  bench.send(1, {kFrame});
  CHECK(bench.at(2).sent.size() == 3 && bench.sw.mirrors().empty());
}

TEST("an unsegmented packet is copied as its segments, and counted as them") {
  Mirrored bench({.ports = {1}});
  tsvde::test::Datagram datagram;
  datagram.payload = random_bytes(4000);
  Slot slot(whole_frame(datagram));
  const VirtioHeader header{.flags = 1,
                            .gso_type = 1,
                            .hdr_len = 0,
                            .gso_size = static_cast<uint16_t>(datagram.segment),
                            .csum_start = static_cast<uint16_t>(layout(datagram).transport),
                            .csum_offset = 16};
  CHECK(read_virtio_header(header, slot.frame));
  bench.forward(1, {&slot.frame, 1});
  CHECK(bench.at(4).sent == wire_frames(datagram) && bench.copied() == 3);
}

// Sends frames from port 1 to port 2 while port 3, to which they are mirrored, does not read.
TEST("a target that does not read loses copies, and neither pauses nor delays the source") {
  Loop loop(1024, [](const Event&) {});
  loop.set_pacing(10'000);
  const Client a(loop, 1, 1);
  const Client b(loop, 2, 2);
  const Client unread(loop, 3, 3, 4);
  b.send(frame_bytes(kBroadcast, kB));
  (void)a.receive();
  CHECK(loop.add_mirror(1, {.ports = {1}}, 3) == 0 && loop.add_mirror(2, {.ports = {1}}, 99) == ENXIO);
  constexpr uint64_t kFrames = 2000;
  for (uint64_t i = 0; i < kFrames; i++) {
    a.send(frame_bytes(kB, kA, 1000, static_cast<uint8_t>(i)));
    CHECK(b.receive() == frame_bytes(kB, kA, 1000, static_cast<uint8_t>(i)));
  }
  CHECK(count(loop, 1, receive_pauses) == 0 && count(loop, 2, transmit_drop_queue_full) == 0);
  const uint64_t dropped = count(loop, 3, transmit_drop_mirror);
  CHECK(dropped > 1000 && count(loop, 3, transmit_unicast) + dropped == kFrames);
  CHECK(count(loop, 3, transmit_drop_queue_full) == 0);
  loop.remove_mirror(1);
  CHECK(!loop.call([](Switch& sw, int64_t) { return sw.observed; }));
}

// The only destination of port 1 stops reading, and then becomes the target of a mirror.
TEST("a source that waits for a port goes on when the port becomes the target of a mirror") {
  Loop loop(1024, [](const Event&) {});
  loop.set_pacing(10'000);
  const Client a(loop, 1, 1);
  const Client unread(loop, 3, 3, 4);
  while (count(loop, 1, receive_pauses) == 0) {
    const Bytes bytes = frame_bytes(kB, kA, 1000);
    (void)::send(a.mine.number(), bytes.data(), bytes.size(), MSG_DONTWAIT);
  }
  CHECK(loop.add_mirror(1, {.ports = {1}}, 3) == 0);
  const auto before = count(loop, 1, receive_bytes);
  a.send(frame_bytes(kB, kA, 1000));
  while (count(loop, 1, receive_bytes) == before) continue;
}

// The destination of port 1 is full, so that port 1 is paused as it would be without the mirror.
TEST("a source is paused for its destination although its frames are mirrored") {
  Loop loop(1024, [](const Event&) {});
  loop.set_pacing(10'000);
  const Client a(loop, 1, 1);
  const Client unread(loop, 2, 2, 16);
  const Client target(loop, 3, 3, 1024);
  CHECK(loop.add_mirror(1, {.ports = {1}}, 3) == 0);
  while (count(loop, 1, receive_pauses) == 0) {
    const Bytes bytes = frame_bytes(kB, kA, 1000);
    (void)::send(a.mine.number(), bytes.data(), bytes.size(), MSG_DONTWAIT);
  }
  CHECK(count(loop, 2, transmit_drop_queue_full) == 0);
}
