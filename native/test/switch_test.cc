#include "engine/switch.h"

#include "test/check.h"
#include "test/frames.h"

using namespace tsvde;
using namespace tsvde::test;

TEST("a hub sends a frame to every other active port except port 0") {
  Bench bench(3);
  bench.attach(0);
  bench.sw.add_port(9);
  bench.sw.hub = true;
  bench.send(1, {frame_bytes(kA, kB)});
  CHECK(bench.at(1).sent.empty() && bench.at(0).sent.empty());
  CHECK(bench.at(2).sent == std::vector<Bytes>{frame_bytes(kA, kB)});
  CHECK(bench.at(3).sent.size() == 1);
  bench.send(0, {frame_bytes(kA, kB)});
  CHECK(bench.at(1).sent.size() == 1);
  CHECK(bench.sw.macs.size() == 0);
}

TEST("a switch floods frames to unknown addresses, to port 0 too, and sends others only to their port") {
  Bench bench(3);
  bench.attach(0);
  bench.send(1, {frame_bytes(kB, kA)});
  CHECK(bench.at(2).sent.size() == 1 && bench.at(3).sent.size() == 1 && bench.at(0).sent.size() == 1);
  bench.send(2, {frame_bytes(kA, kB)});
  CHECK(bench.at(1).sent.size() == 1 && bench.at(3).sent.size() == 1);
  bench.send(1, {frame_bytes(kBroadcast, kA), frame_bytes(0x0100'5e00'0001, kA)});
  CHECK(bench.at(2).sent.size() == 3 && bench.at(3).sent.size() == 3);
  CHECK(bench.count(1, receive_broadcast) == 1 && bench.count(1, receive_multicast) == 1 &&
        bench.count(1, receive_unicast) == 1);
}

TEST("a frame to an address on the port it came from is dropped and counted") {
  Bench bench(2);
  bench.send(1, {frame_bytes(kBroadcast, kA)});
  bench.send(1, {frame_bytes(kA, kB)});
  CHECK(bench.at(2).sent.size() == 1);
  CHECK(bench.count(1, receive_drop_same_port) == 1);
}

TEST("a group address is not learned; an address of zeroes is") {
  Bench bench(2);
  bench.send(1, {frame_bytes(kBroadcast, 0x0300'0000'0001), frame_bytes(kBroadcast, 0)});
  CHECK(bench.sw.macs.size() == 1);
  CHECK(bench.at(2).sent.size() == 2);
}

TEST("short frames are padded with zeroes; frames of less than 14 or more than 65535 bytes are dropped") {
  Bench bench(2);
  Bytes padded = frame_bytes(kBroadcast, kA, 14);
  padded.resize(60);
  bench.send(
      1, {frame_bytes(kBroadcast, kA, 14), frame_bytes(kBroadcast, kA, 13), frame_bytes(kBroadcast, kA, 0),
          frame_bytes(kBroadcast, kA, kFrameMax), frame_bytes(kBroadcast, kA, kFrameMax + 1)});
  CHECK(bench.at(2).sent == (std::vector<Bytes>{padded, frame_bytes(kBroadcast, kA, kFrameMax)}));
  CHECK(bench.count(1, receive_drop_too_short) == 2 && bench.count(1, receive_drop_too_long) == 1);
  CHECK(bench.count(1, receive_bytes) == 60 + kFrameMax);
  CHECK(bench.count(2, transmit_bytes) == 60 + kFrameMax);
}

TEST("a station that moved gets its frames at its new port at once, and the move is reported") {
  Bench bench(3);
  bench.send(1, {frame_bytes(kBroadcast, kA)}, 0);
  bench.send(2, {frame_bytes(kBroadcast, kA)}, 0);
  CHECK(bench.moves == (std::vector<std::tuple<uint32_t, uint32_t, bool>>{{1, 2, false}}));
  CHECK(bench.at(3).sent.size() == 2);
  bench.send(3, {frame_bytes(kA, kB)}, 0);
  CHECK(bench.at(1).sent.size() == 1 && bench.at(2).sent.size() == 2);
}

TEST(
    "a station that flaps between two ports is reported once, its frames are forwarded, and it keeps its "
    "port") {
  Bench bench(3);
  for (int i = 0; i < 10; i++) {
    for (const uint32_t port : {1, 2}) bench.send(port, {frame_bytes(kBroadcast, kA)}, 1);
  }
  CHECK(bench.moves == (std::vector<std::tuple<uint32_t, uint32_t, bool>>{
                           {1, 2, false}, {2, 1, true}, {1, 2, true}, {2, 1, true}}));
  CHECK(bench.flaps == (std::vector<std::tuple<uint32_t, uint32_t, int64_t>>{{1, 2, 3}}));
  CHECK(bench.at(3).sent.size() == 20);
  bench.send(3, {frame_bytes(kA, kB)}, 3);
  CHECK(bench.at(1).sent.size() == 11 && bench.at(2).sent.size() == 10);
}

TEST("removing a port removes its addresses, and adding one removes none") {
  Bench bench(3);
  bench.send(1, {frame_bytes(kBroadcast, kA)});
  bench.send(2, {frame_bytes(kBroadcast, kB)});
  bench.attach(4);
  CHECK(bench.sw.macs.size() == 2);
  bench.sw.remove_port(1);
  CHECK(bench.sw.macs.size() == 1 && bench.sw.port(1) == nullptr);
  bench.send(3, {frame_bytes(kA, kBroadcast - 1)});
  CHECK(bench.at(2).sent.size() == 2);
}

TEST("frames wait in order for a slow peer, and are dropped and counted when its queue is full") {
  Bench bench(2);
  bench.sw.hub = true;
  bench.at(2).room = 1;
  std::vector<Bytes> all;
  for (uint8_t i = 0; i < 8; i++) all.push_back(frame_bytes(kB, kA, 60, i));
  bench.send(1, all);
  CHECK(bench.began_waiting == 1);
  CHECK(bench.at(2).sent.size() == 1);
  CHECK(bench.count(2, transmit_unicast) == 5 && bench.count(2, transmit_drop_queue_full) == 3);
  CHECK(bench.sw.port(2)->snapshot()[queue_frames] == 4);

  bench.at(2).room = 2;  // still slow: new frames wait behind the earlier ones
  const Attachment& attachment = *bench.sw.port(2)->attachments[0];
  bench.drain(2);
  CHECK(attachment.service.waiting);
  bench.send(1, {frame_bytes(kB, kA, 60, 100)});
  CHECK(bench.began_waiting == 1);
  bench.at(2).room = 100;
  bench.drain(2);
  CHECK(!attachment.service.waiting);
  all.resize(5);
  all.push_back(frame_bytes(kB, kA, 60, 100));
  CHECK(bench.at(2).sent == all);
}

TEST("a port that is given more than a batch before it transmits sends all of it in order") {
  for (const uint32_t room : {1000u, kBatch / 2}) {
    Bench bench(1, 1024, 1000);
    bench.at(1).room = room;
    Port& port = *bench.sw.port(1);
    std::deque<Slot> slots;
    std::vector<Bytes> all;
    for (uint32_t i = 0; i < 2 * kBatch + 5; i++) {
      all.push_back(frame_bytes(kB, kA, 60, static_cast<uint8_t>(i)));
      port.add(&slots.emplace_back(all.back()).frame, 0);
    }
    // transmit() also reports an attachment that began to wait while frames were being added.
    CHECK(port.transmit(0) == (room < 1000));
    CHECK(!port.transmit(0));
    bench.at(1).room = 1000;
    bench.drain(1);
    CHECK(bench.at(1).sent == all);
    CHECK(bench.count(1, transmit_unicast) == all.size());
  }
}

TEST("each endpoint of a port gets a frame, which counts once; a slow endpoint does not delay the other") {
  Bench bench(1);
  FakeEndpoint& fast = bench.attach(2);
  FakeEndpoint& slow = bench.attach(2);
  slow.room = 0;
  bench.sw.hub = true;
  bench.send(1, std::vector<Bytes>(6, frame_bytes(kB, kA)));
  CHECK(fast.sent.size() == 6 && slow.sent.empty());
  CHECK(bench.count(2, transmit_unicast) == 6);
  CHECK(bench.count(2, transmit_drop_queue_full) == 2);
}

TEST("a frame that the kernel refuses is counted as dropped for the reason that the errno gives") {
  const std::pair<int, Counter> reasons[] = {{ECONNREFUSED, transmit_drop_peer_gone},
                                             {ENOTCONN, transmit_drop_peer_gone},
                                             {EMSGSIZE, transmit_drop_too_long},
                                             {EIO, transmit_drop_interface_down},
                                             {EPERM, transmit_drop_error},
                                             {ENOBUFS, transmit_drop_queue_full}};
  for (const auto& [error, counter] : reasons) {
    Bench bench(2);
    bench.at(2).error = error;
    bench.send(1, {frame_bytes(kBroadcast, kA), frame_bytes(kBroadcast, kA)});
    CHECK(bench.count(2, counter) == 2);
    CHECK(bench.count(2, transmit_broadcast) == 0);
    CHECK(bench.began_waiting == 0);
  }
}

TEST("an error costs only its own frame, whether the frames were just forwarded or had waited") {
  for (const uint32_t first_room : {100u, 1u, 0u}) {
    Bench bench(2, 1024, 8);
    FakeEndpoint& to = bench.at(2);
    to.room = first_room;
    to.errors = {0, EMSGSIZE, 0, EIO, EPERM, 0, ECONNREFUSED};
    std::vector<Bytes> all;
    for (uint8_t i = 0; i < 7; i++) all.push_back(frame_bytes(kB, kA, 60, i));
    bench.send(1, all);
    to.room = 100;
    bench.drain(2);
    CHECK(to.sent == (std::vector<Bytes>{all[0], all[2], all[5]}));
    for (const Counter reason :
         {transmit_drop_too_long, transmit_drop_interface_down, transmit_drop_error, transmit_drop_peer_gone})
      CHECK(bench.count(2, reason) == 1);
    CHECK(bench.count(2, transmit_drop_queue_full) == 0);
    CHECK(bench.sw.port(2)->snapshot()[queue_frames] == 0 &&
          !bench.sw.port(2)->attachments[0]->service.waiting);
  }
}

TEST("each frame of random bytes is counted as received or as dropped") {
  Bench bench(5, 64, 8);
  uint64_t sent = 0;
  for (int round = 0; round < rounds(3000); round++) {
    std::vector<Bytes> all;
    for (uint32_t i = random_below(kBatch) + 1; i > 0; i--) {
      Bytes bytes(random_below(8) == 0 ? random_below(70000) : random_below(200));
      for (auto& byte : std::span(bytes).first(std::min<size_t>(bytes.size(), 16)))
        byte = static_cast<uint8_t>(random_below(4));
      all.push_back(std::move(bytes));
    }
    for (uint32_t port = 1; port <= 5; port++) {
      bench.at(port).room = random_below(3) == 0 ? random_below(100) : 1u << 20;
      bench.drain(port);
      bench.at(port).sent.clear();
    }
    sent += all.size();
    bench.sw.hub = random_below(10) == 0;
    bench.send(random_below(5) + 1, all, round);
  }
  uint64_t received = 0;
  for (uint32_t port = 1; port <= 5; port++) {
    for (const Counter counter : {receive_unicast, receive_multicast, receive_broadcast,
                                  receive_drop_too_short, receive_drop_too_long}) {
      received += bench.count(port, counter);
    }
  }
  CHECK(received == sent);
}
