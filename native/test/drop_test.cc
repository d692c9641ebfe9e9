// Tests that each frame that a port drops is reported with its reason, while somebody observes drops.
#include <cerrno>

#include "test/check.h"
#include "test/frames.h"

using namespace tsvde;
using namespace tsvde::test;

namespace {

using Drop = std::tuple<uint32_t, Counter, Bytes>;
const Bytes kFrame = frame_bytes(kBroadcast, kA);

}  // namespace

TEST("nothing is reported unless drops are observed") {
  Bench bench(2);
  bench.send(1, {frame_bytes(kB, kA, 13)});
  bench.sw.observe_drops(true);
  bench.sw.observe_drops(false);
  bench.send(1, {frame_bytes(kB, kA, 13)});
  CHECK(bench.drops.empty() && bench.count(1, receive_drop_too_short) == 2);
}

TEST("received frames that are dropped are reported with their reasons, also on later ports") {
  Bench bench(2);
  bench.sw.observe_drops(true);
  bench.attach(3);
  const Bytes small = frame_bytes(kB, kA, 13);
  const Bytes large = frame_bytes(kB, kA, kFrameMax + 1);
  bench.send(1, {small, large});
  bench.send(1, {frame_bytes(kBroadcast, kA)});
  bench.send(1, {frame_bytes(kA, kB)});
  bench.sw.vlans.set_created(10, true);
  bench.send(3, {tagged(kFrame, 10)});
  bench.sw.set_discarding(*bench.sw.port(2), 0, true);
  bench.send(2, {kFrame});
  CHECK(bench.drops == (std::vector<Drop>{{1, receive_drop_too_short, small},
                                          {1, receive_drop_too_long, large},
                                          {1, receive_drop_same_port, frame_bytes(kA, kB)},
                                          {3, receive_drop_vlan, tagged(kFrame, 10)},
                                          {2, receive_drop_discarding, kFrame}}));
}

TEST("frames that an endpoint refuses or has no room for are reported, now, later and when it is detached") {
  Bench bench(1);
  bench.sw.observe_drops(true);
  FakeEndpoint& slow = bench.attach(2, 2);
  const auto marked = [](uint8_t mark) { return frame_bytes(kBroadcast, kA, 60, mark); };
  slow.errors = {EMSGSIZE};
  bench.send(1, {marked(1)});
  slow.room = 0;
  bench.send(1, {marked(2), marked(3), marked(4)});
  CHECK(bench.drops == (std::vector<Drop>{{2, transmit_drop_too_long, marked(1)},
                                          {2, transmit_drop_queue_full, marked(4)}}));
  slow.room = 1;
  slow.errors = {ECONNREFUSED};
  bench.drain(2);
  CHECK(bench.drops.size() == 3 && bench.drops[2] == Drop(2, transmit_drop_peer_gone, marked(2)));
  slow.room = 0;
  bench.send(1, {marked(5)});
  Port& port = *bench.sw.port(2);
  const uint64_t queued = port.attachments[0]->queue.frames();
  port.drop_queued(*port.attachments[0]);
  CHECK(queued > 0 && bench.count(2, transmit_drop_closed) == queued && bench.drops.size() == 3 + queued);
  CHECK(bench.drops.back() == Drop(2, transmit_drop_closed, marked(5)));
}

TEST("the reason of a drop is in the counter's name") {
  CHECK(drop_reason_of(receive_drop_vlan) == "vlan" &&
        drop_reason_of(transmit_drop_queue_full) == "queue_full");
}
