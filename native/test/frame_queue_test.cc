#include "engine/frame_queue.h"

#include <deque>

#include "test/check.h"
#include "test/frames.h"

using namespace tsvde;
using namespace tsvde::test;

TEST("a queue returns frames of any size in order") {
  FrameQueue queue(16);
  std::deque<Bytes> model;
  uint64_t bytes = 0;
  for (int step = 0; step < 20000; step++) {
    if (random_below(2) == 0) {
      const uint32_t size = random_below(10) == 0 ? 60000 + random_below(5536) : 14 + random_below(3000);
      const Bytes sent = frame_bytes(kA, kB, size, static_cast<uint8_t>(step));
      Slot slot(sent);
      if (queue.push(slot.frame)) {
        model.push_back(sent);
        bytes += size;
      }
    } else {
      std::array<Frame, 5> frames;
      const uint32_t count = queue.peek({frames.data(), random_below(5) + 1});
      CHECK(count <= model.size());
      for (uint32_t i = 0; i < count; i++) {
        CHECK(std::ranges::equal(std::span(frames[i].data(), frames[i].size()), model[i]));
      }
      const uint32_t gone = count == 0 ? 0 : random_below(count + 1);
      queue.drop_front(gone);
      for (uint32_t i = 0; i < gone; i++) {
        bytes -= model.front().size();
        model.pop_front();
      }
    }
    CHECK(queue.frames() == model.size());
    CHECK(queue.bytes() == bytes);
  }
}

TEST("a full queue refuses a frame and stays unchanged") {
  FrameQueue queue(2);
  Slot one(frame_bytes(kA, kB, 60, 1));
  CHECK(queue.push(one.frame));
  CHECK(queue.push(one.frame));
  CHECK(!queue.push(one.frame));
  CHECK(queue.frames() == 2);
  queue.drop_front(1);
  CHECK(queue.push(one.frame));
}

TEST("a queue is also bounded in bytes, and an empty one takes the largest frame") {
  FrameQueue queue(1000);
  Slot large(frame_bytes(kA, kB, kFrameMax));
  uint32_t taken = 0;
  while (queue.push(large.frame)) taken++;
  CHECK(taken >= 4);
  CHECK(taken < 1000);
  queue.drop_front(taken);
  CHECK(queue.empty());
  CHECK(queue.push(large.frame));
}
