#include "engine/events.h"

#include <unistd.h>

#include <new>
#include <thread>

#include "test/check.h"
#include "test/failing.h"

using namespace tsvde;
using namespace tsvde::test;

namespace {

using Kind = Event::Kind;

// One kind for each queue, the most urgent first.
constexpr std::array kKinds = {Kind::endpoint_ended, Kind::bpdu, Kind::mac_moved, Kind::mac_changed,
                               Kind::received};

uint64_t lost(const EventQueues& queues, Kind kind) {
  const auto lost = queues.lost();
  switch (kind) {
    case Kind::bpdu:
      return lost.bpdus;
    case Kind::mac_moved:
    case Kind::mac_flapping:
      return lost.macs_moved;
    case Kind::mac_changed:
      return lost.macs;
    case Kind::received:
    case Kind::transmitted:
      return lost.frames;
    case Kind::endpoint_notice:
      return lost.notices;
    case Kind::endpoint_ended:
    case Kind::capture_ended:
      return 0;
  }
  return 0;
}

}  // namespace

TEST("no kind of event starves another, and lost events are counted by kind") {
  constexpr uint64_t kFlood = 10'000;
  for (const Kind flood : kKinds) {
    for (const Kind other : kKinds) {
      if (other == flood) continue;
      EventQueues queues;
      for (uint32_t i = 0; i < kFlood; i++) queues.push({.kind = flood, .port = i});
      for (uint32_t i = 0; i < 50; i++) queues.push({.kind = other, .port = i});
      uint64_t of_flood = 0;
      uint32_t of_other = 0;
      while (const auto event = queues.take()) {
        if (event->kind == other) CHECK(event->port == of_other++);
        if (event->kind == flood) CHECK(event->port == of_flood++);
      }
      CHECK(of_other == 50 && lost(queues, other) == 0);
      CHECK(of_flood + lost(queues, flood) == kFlood);
      CHECK(flood == Kind::endpoint_ended ? of_flood == kFlood : of_flood < kFlood);
    }
  }
}

TEST("want of memory: a notice is lost and counted, and an end is refused") {
  EventQueues queues;
  const Failing failing(gettid());
  queues.push({.kind = Kind::endpoint_notice});
  bool refused = false;
  try {
    queues.push({.kind = Kind::endpoint_ended});
  } catch (const std::bad_alloc&) {
    refused = true;
  }
  CHECK(refused && queues.lost().notices == 1 && !queues.take());
}

TEST("the most urgent event is taken first, whenever it was pushed") {
  EventQueues queues;
  for (auto kind = kKinds.rbegin(); kind != kKinds.rend(); ++kind) {
    for (uint32_t i = 0; i < 3; i++) queues.push({.kind = *kind, .port = i});
  }
  const auto first = queues.take();
  CHECK(first && first->kind == Kind::endpoint_ended);
  queues.push({.kind = Kind::endpoint_ended, .port = 3});
  for (const Kind kind : kKinds) {
    for (uint32_t i = kind == Kind::endpoint_ended ? 1 : 0; i < (kind == Kind::endpoint_ended ? 4 : 3); i++) {
      const auto event = queues.take();
      CHECK(event && event->kind == kind && event->port == i);
    }
  }
  CHECK(!queues.take());
}

TEST("one thread takes events in order, each once, while another pushes them") {
  EventQueues queues;
  constexpr uint32_t kCount = 50'000;
  std::thread thread([&] {
    for (uint32_t i = 0; i < kCount; i++) {
      queues.push({.kind = Kind::received, .port = i, .bytes = {1, 2, 3}});
      queues.push({.kind = Kind::endpoint_ended, .port = i});
    }
  });
  uint32_t ends = 0, frames = 0, next = 0;
  while (ends < kCount) {
    const auto event = queues.take();
    if (!event) {
      std::this_thread::yield();
    } else if (event->kind == Kind::endpoint_ended) {
      CHECK(event->port == ends++);
    } else {
      CHECK(event->port >= next);
      next = event->port + 1;
      frames++;
    }
  }
  thread.join();
  while (queues.take()) frames++;
  CHECK(frames + queues.lost().frames == kCount);
}
