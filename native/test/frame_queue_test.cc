#include "engine/frame_queue.h"

#include <deque>

#include "test/check.h"
#include "test/frames.h"

using namespace tsvde;
using namespace tsvde::test;

TEST("a queue returns frames of any size in order") {
  QueueMemory memory;
  FrameQueue queue(16, memory);
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
  QueueMemory memory;
  FrameQueue queue(2, memory);
  Slot one(frame_bytes(kA, kB, 60, 1));
  CHECK(queue.push(one.frame));
  CHECK(queue.push(one.frame));
  CHECK(!queue.push(one.frame));
  CHECK(queue.frames() == 2);
  queue.drop_front(1);
  CHECK(queue.push(one.frame));
}

TEST("a queue is also bounded in bytes, and an empty one takes the largest frame") {
  QueueMemory memory;
  FrameQueue queue(1000, memory);
  Slot large(frame_bytes(kA, kB, kFrameMax));
  uint32_t taken = 0;
  while (queue.push(large.frame)) taken++;
  CHECK(taken >= 4);
  CHECK(taken < 1000);
  queue.drop_front(taken);
  CHECK(queue.empty());
  CHECK(queue.push(large.frame));
}

namespace {

// A queue whose frames are numbered, so that an overwritten frame is noticed.
struct Numbered {
  explicit Numbered(uint32_t limit) : queue(limit, memory) {}
  bool push(uint32_t size) {
    const auto number = static_cast<uint8_t>(first + queue.frames());
    Slot slot(frame_bytes(kA, kB, size, number));
    if (!queue.push(slot.frame)) return false;
    sizes.push_back(size);
    return true;
  }
  void drop(uint32_t count) {
    queue.drop_front(count);
    sizes.erase(sizes.begin(), sizes.begin() + count);
    first += count;
  }
  void check() {
    std::vector<Frame> frames(queue.frames() + 1);
    CHECK(queue.peek(frames) == sizes.size());
    for (uint32_t i = 0; i < sizes.size(); i++) {
      CHECK(frames[i].size() == sizes[i]);
      // The end of the destination address, and the first and the last byte of the payload.
      CHECK(frames[i].data()[5] == 0x0a && frames[i].data()[14] == static_cast<uint8_t>(first + i) &&
            frames[i].data()[sizes[i] - 1] == static_cast<uint8_t>(first + i));
    }
  }
  QueueMemory memory;
  FrameQueue queue;
  std::deque<uint32_t> sizes;
  uint32_t first = 0;  // the number of the oldest frame
};

constexpr uint32_t kLeastCapacity = 4 * (kFrameMax + 1);

}  // namespace

TEST("a queue takes as many frames of equal size as it has room for, wherever the oldest one is") {
  for (const uint32_t limit : {4u, 100u, 1000u}) {
    const uint32_t capacity = std::max(limit * 1536, kLeastCapacity);
    for (const uint32_t size : {60u, 1514u, 1536u, 4096u, 9014u, 32768u, 65535u}) {
      const uint32_t most = std::min(limit, capacity / size);
      Numbered frames(limit);
      uint32_t dropped = most;
      for (const uint32_t next : {1u, 1u, most / 2, most - 1, 1u, most, 2u, 1u}) {
        uint32_t taken = 0;
        while (taken <= most && frames.push(size)) taken++;
        CHECK(taken == dropped);
        CHECK(frames.queue.frames() == most);
        frames.check();
        dropped = std::min(next, most);
        frames.drop(dropped);
      }
    }
  }
}

TEST("a frame is taken if there is room for it to the byte, and refused if one byte is missing") {
  for (const uint32_t missing : {0u, 1u}) {
    // The room is at the end of the ring, at its beginning, or between the newest and the oldest frame.
    for (const uint32_t place : {0u, 1u, 2u}) {
      Numbered frames(100);
      const uint32_t first = place * 60 - missing;
      if (place > 0) CHECK(frames.push(first));
      for (int i = 0; i < 3; i++) CHECK(frames.push(kFrameMax));
      const uint32_t left = kLeastCapacity - static_cast<uint32_t>(frames.queue.bytes());
      CHECK(frames.push(place == 0 ? left - 60 + missing : left - 10));
      if (place > 0) frames.drop(1);
      if (place == 2) CHECK(frames.push(60));
      CHECK(frames.push(60) == (missing == 0));
      frames.check();
    }
  }
}

TEST("frames of a few sizes, whose ends often meet, fill the ring without overwriting one another") {
  Numbered frames(64);
  for (int step = 0; step < 5000; step++) {
    if (random_below(2) == 0) {
      const bool taken = frames.push(4096u << random_below(4));
      if (frames.queue.empty()) CHECK(taken);
    } else if (!frames.queue.empty()) {
      frames.drop(1 + random_below(std::min(frames.queue.frames(), 3u)));
    }
    CHECK(frames.queue.bytes() <= kLeastCapacity);
    if (step % 8 == 0) frames.check();
  }
}

TEST("a queue is half empty while at most half of its frames and half of its bytes are in use") {
  QueueMemory memory;
  FrameQueue queue(100, memory);
  const auto push = [&](uint32_t size) { CHECK(queue.push(Slot(frame_bytes(kA, kB, size)).frame)); };
  for (int i = 0; i < 50; i++) push(60);
  CHECK(queue.is_half_empty());
  push(60);
  CHECK(!queue.is_half_empty());
  queue.drop_front(51);
  for (int i = 0; i < 4; i++) push(kLeastCapacity / 8);
  CHECK(queue.is_half_empty());
  push(14);
  CHECK(!queue.is_half_empty());

  CHECK(queue.half_holds(1, 1) == 50 && queue.half_holds(50, 1) == 1 && queue.half_holds(51, 1) == 0);
  CHECK(queue.half_holds(1, kLeastCapacity / 4) == 2 && queue.half_holds(1, kLeastCapacity / 2) == 1);
  CHECK(queue.half_holds(1, kLeastCapacity / 2 + 1) == 0);
}

namespace {

// Fills a queue with frames of 1500 bytes. Returns how many it took.
uint32_t fill(FrameQueue& queue) {
  Slot slot(frame_bytes(kA, kB, 1500));
  uint32_t taken = 0;
  while (queue.push(slot.frame)) taken++;
  return taken;
}

// Returns how many bytes of this process are in memory.
size_t resident() {
  FILE* file = std::fopen("/proc/self/statm", "r");
  size_t total = 0;
  size_t pages = 0;
  CHECK(file != nullptr && std::fscanf(file, "%zu %zu", &total, &pages) == 2);
  std::fclose(file);
  return pages * 4096;
}

}  // namespace

TEST("all queues share one budget, beyond which each still has room for ten frames") {
  QueueMemory memory;
  memory.limit = 1 << 20;
  std::deque<FrameQueue> queues;
  const size_t before = resident();
  for (int i = 0; i < 100; i++) {
    CHECK(fill(queues.emplace_back(256u, memory)) >= 10);
  }
  CHECK(memory.used() <= memory.limit + 100 * QueueMemory::kStep);
  CHECK(resident() - before < (8u << 20));
  for (FrameQueue& queue : queues) {  // a full queue goes on in the memory that it has
    queue.drop_front(5);
    CHECK(fill(queue) >= 3);
  }
  CHECK(memory.used() <= memory.limit + 100 * QueueMemory::kStep);
  queues.clear();
  CHECK(memory.used() == 0);
}

TEST("empty queues give memory back at the second sweep, and at once when others need it") {
  QueueMemory memory;
  memory.limit = 1 << 20;
  FrameQueue one(256, memory);
  FrameQueue two(256, memory);
  FrameQueue three(256, memory);
  CHECK(fill(one) == 256 && fill(two) == 256);
  CHECK(!memory.has_idle());
  one.drop_front(256);
  CHECK(memory.has_idle());
  memory.sweep();
  CHECK(fill(one) == 256);  // a queue that fills again keeps its memory
  memory.sweep();
  one.drop_front(256);
  const uint64_t used = memory.used();
  memory.sweep();
  CHECK(memory.used() == used);
  memory.sweep();
  CHECK(memory.used() < used && !memory.has_idle());
  two.drop_front(256);
  CHECK(fill(one) == 256 && fill(three) == 256);
  CHECK(fill(two) < 256);
}
