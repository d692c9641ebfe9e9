#include "engine/pacing.h"

#include "test/check.h"
#include "test/frames.h"

using namespace tsvde;
using namespace tsvde::test;

namespace {

// Ports 1, 2 and 4 can send to port 3, whose endpoint takes nothing.
struct Paced : Bench {
  Paced() : Bench(4, 1024, 8) {
    pacing.bound_ms = 20;
    pacing.reserve(8);
    learn(3, kB);
    at(3).room = 0;
  }
  void learn(uint32_t port, uint64_t address) { send(port, {frame_bytes(kBroadcast, address)}); }
  Attachment& end(uint32_t number) { return *sw.port(number)->attachments[0]; }

  // Forwards a batch, as the loop does. Returns false if the source was paused instead.
  bool read(uint32_t from, uint64_t to, uint32_t count = 1, int64_t now_ms = 0, uint32_t size = 60) {
    if (pacing.should_pause(end(from))) {
      pacing.pause(end(from), now_ms);
      return false;
    }
    std::deque<Slot> slots;
    std::vector<Frame> frames;
    for (uint32_t i = 0; i < count; i++)
      frames.push_back(slots.emplace_back(frame_bytes(to, kA, size)).frame);
    sw.route(*sw.port(from), frames, 0);
    Pacing::sent(end(from), frames, sw.touched());
    for (Port* port : sw.touched()) (void)port->transmit(0);
    sw.touched().clear();
    return true;
  }
  std::vector<uint32_t> ports(std::span<Attachment* const> attachments) {
    std::vector<uint32_t> numbers;
    for (const Attachment* attachment : attachments) numbers.push_back(attachment->port.number);
    return numbers;
  }
  std::vector<uint32_t> drain(uint32_t number, uint32_t room) {
    at(number).room = room;
    Bench::drain(number);
    return ports(pacing.drained(end(number)));
  }

  Pacing pacing;
};

using Numbers = std::vector<uint32_t>;

}  // namespace

TEST("a source is paused once its sole destination is more than half full, and nothing is dropped") {
  Paced bench;
  CHECK(bench.read(1, kB, 4));
  CHECK(bench.read(1, kB, 1));
  CHECK(!bench.read(1, kB));
  CHECK(bench.end(1).pace.paused && bench.count(1, receive_pauses) == 1);
  CHECK(bench.count(3, transmit_drop_queue_full) == 0);
}

TEST("sources are resumed in the order in which they were paused, once there is room") {
  Paced bench;
  CHECK(bench.read(2, kB, 3) && bench.read(1, kB, 2));
  CHECK(!bench.read(2, kB) && !bench.read(1, kB));
  CHECK(bench.drain(3, 0).empty());
  CHECK(bench.drain(3, 1) == (Numbers{2, 1}));
  CHECK(!bench.end(1).pace.paused && bench.pacing.idle());
  CHECK(bench.read(1, kB));
}

TEST(
    "a batch fits into half of the sole destination's queue, and is a full batch if the destination takes "
    "coalesced segments") {
  Paced bench;
  bench.end(1).service.batch = 5;
  CHECK(Pacing::batch(bench.end(1)) == 5);
  CHECK(bench.read(1, kB));
  CHECK(Pacing::batch(bench.end(1)) == 4);
  bench.attach(5, 1024, kSegmentsTcp);
  constexpr uint64_t kC = 0x0200'0000'000c;
  bench.learn(5, kC);
  CHECK(bench.read(1, kC));
  CHECK(Pacing::batch(bench.end(1)) == kBatch);
}

TEST("a batch fits into half of the sole destination's queue in bytes and in segments too") {
  Paced bench;
  bench.end(1).service.batch = kBatch;
  CHECK(bench.read(1, kB, 1, 0, 60));
  CHECK(Pacing::batch(bench.end(1)) == 4);
  CHECK(bench.read(1, kB, 1, 0, 60'000));  // the queue holds 256 KiB
  CHECK(Pacing::batch(bench.end(1)) == 2);
  bench.end(1).pace.most_frames = 3;
  CHECK(Pacing::batch(bench.end(1)) == 1);
  bench.end(1).pace.most_frames = 45;
  CHECK(Pacing::batch(bench.end(1)) == 1);
}

TEST("a source is paused once its sole destination has filled half of what the budget of all queues allows") {
  Paced bench;
  bench.memory.limit = 0;  // the queue has 16 KiB, as every queue
  constexpr uint32_t kSize = 4000;
  int sent = 0;
  while (sent < 8 && bench.read(1, kB, 1, 0, kSize)) sent++;
  CHECK(sent == 3 && bench.end(1).pace.paused);
  CHECK(bench.count(3, transmit_drop_queue_full) == 0);
  CHECK(bench.drain(3, 1) == Numbers{1});  // 8000 bytes are left, less than half
  CHECK(Pacing::batch(bench.end(1)) == 1);
  bench.end(1).service.batch = kBatch;
  CHECK(Pacing::batch(bench.end(1)) == 2);
  bench.memory.limit = QueueMemory::kDefaultLimit;
  CHECK(Pacing::batch(bench.end(1)) == 4);
}

TEST("the sole destination is remembered while the source sends nothing") {
  Paced bench;
  CHECK(bench.read(2, kB) && bench.read(2, kB, 0));
  CHECK(bench.read(1, kB, 5));
  CHECK(!bench.read(2, kB));
}

TEST("a source with several destinations is not paused, nor one whose destination port has two endpoints") {
  Paced bench;
  CHECK(bench.read(1, kB, 6));
  CHECK(bench.read(2, kBroadcast, 2));  // to all ports
  CHECK(bench.read(2, kB));
  bench.attach(3, 8);
  CHECK(bench.read(4, kB, 6));
  CHECK(bench.read(4, kB));
}

TEST(
    "an endpoint that makes no room within the bound is stalled: its sources are resumed, and frames for "
    "it are dropped") {
  Paced bench;
  CHECK(bench.read(1, kB, 6) && !bench.read(1, kB, 1, 100));
  CHECK(bench.pacing.patience_ms(105) == 15);
  CHECK(bench.pacing.overdue(119).empty());
  CHECK(bench.ports(bench.pacing.overdue(120)) == Numbers{1});
  CHECK(bench.pacing.patience_ms(120) == -1);
  CHECK(bench.count(3, transmit_stalls) == 1);
  for (int i = 0; i < 5; i++) CHECK(bench.read(1, kB));  // port 1 is not paused again
  CHECK(bench.count(3, transmit_drop_queue_full) == 3);
  CHECK(bench.drain(3, 100).empty());
  bench.at(3).room = 0;
  CHECK(bench.read(1, kB, 6) && !bench.read(1, kB));  // port 3 reads again, so port 1 is paused for it again
}

TEST("detaching an endpoint resumes the sources paused for it, and a detached source is forgotten") {
  Paced bench;
  CHECK(bench.read(1, kB, 6) && bench.read(2, kB) && !bench.read(1, kB) && !bench.read(2, kB));
  const auto ports = bench.sw.ports();
  CHECK(bench.pacing.forget(bench.end(1), ports).empty());
  CHECK(bench.ports(bench.pacing.forget(bench.end(3), ports)) == Numbers{2});
  CHECK(bench.pacing.idle() && bench.end(2).pace.sole_destination == nullptr);
}

TEST("with a bound of 0 no source is paused") {
  Paced bench;
  bench.pacing.bound_ms = 0;
  for (int i = 0; i < 10; i++) CHECK(bench.read(1, kB));
  CHECK(bench.count(3, transmit_drop_queue_full) == 2);
}
