// The choice of the engine's thread between looking for events and sleeping, with a clock of the test's own.
#include "engine/busy_poll.h"

#include "test/check.h"

using namespace tsvde;

namespace {

constexpr Time kLook = 500;    // one look
constexpr Time kWake = 5'000;  // from an event to the thread that it wakes

struct World {
  BusyPoll busy_poll = BusyPoll::adaptive();
  Time now = kSecond;
  Time looked = 0;  // in the last wait
  bool slept = false;

  // Waits for an event that comes `after` the wait has begun.
  void wait(Time after) {
    const Time began = now;
    const Time due = now + after;
    slept = false;
    looked = 0;
    if (busy_poll.begin(now)) {
      do {
        if (now >= due) {
          looked = now - began;
          return busy_poll.found();
        }
        now += kLook;
      } while (busy_poll.goes_on(now));
    }
    looked = now - began;
    slept = now < due;
    if (slept) now = due + kWake;
    busy_poll.woken(now);
  }
  void wait(Time after, int times) {
    for (int i = 0; i < times; i++) wait(after);
  }
  // Returns how many of `times` waits slept.
  int sleeps(Time after, int times) {
    int count = 0;
    for (int i = 0; i < times; i++) {
      wait(after);
      if (slept) count++;
    }
    return count;
  }
};

}  // namespace

TEST("busy poll: a fixed length is looked for before each sleep, whatever came before") {
  World world{.busy_poll = BusyPoll::fixed(30'000)};
  CHECK(world.busy_poll.is_on());
  for (const Time after : {Time{1000}, kSecond, Time{1000}, Time{50'000}, Time{29'000}}) {
    world.wait(after);
    CHECK(world.slept == (after > 30'000));
    CHECK(world.looked == std::min(after, Time{30'000}));
  }
  CHECK(!BusyPoll().is_on());
  CHECK(!BusyPoll::fixed(0).is_on());
  CHECK(BusyPoll::adaptive().is_on());
}

TEST("busy poll: the length doubles until the events come within it, and then stays") {
  World world;
  world.wait(35'000);
  CHECK(world.looked == 0);
  CHECK(world.busy_poll.length() == 10'000);
  world.wait(35'000);
  CHECK(world.busy_poll.length() == 20'000);
  world.wait(35'000);
  CHECK(world.busy_poll.length() == 40'000);
  CHECK(world.sleeps(35'000, 1000) == 0);
  CHECK(world.busy_poll.length() == 40'000);
}

TEST("busy poll: the length has a maximum") {
  World world;
  world.wait(94'000, 5);
  CHECK(world.busy_poll.length() == BusyPoll::kLongest);
  CHECK(world.sleeps(94'000, 1000) == 0);
}

TEST("busy poll: a long wait ends the looks, and an idle switch never looks") {
  World world;
  world.wait(15'000, 10);
  CHECK(world.busy_poll.length() == 20'000);
  world.wait(kSecond);
  CHECK(world.looked == 20'000);
  for (int i = 0; i < 100; i++) {
    world.wait(kSecond);
    CHECK(world.looked == 0);
  }
}

TEST("busy poll: events that are already there are no reason to look") {
  World world;
  world.wait(-kWake, 1000);
  CHECK(world.busy_poll.length() == 0);
}

TEST("busy poll: looks in vain become rare, and looks that pay bring them back") {
  World world;
  // Frames in pairs, far apart: each pair makes the thread look for the next one in vain.
  Time looked = 0;
  for (int i = 0; i < 10'000; i++) {
    world.wait(3'000);
    looked += world.looked;
    world.wait(10 * kMillisecond);
    looked += world.looked;
  }
  CHECK(looked < 60 * BusyPoll::kShortest);
  // A stream that then begins is looked for after at most kRestMost sleeps, and all the time in the end.
  CHECK(world.sleeps(15'000, 1000) <= static_cast<int>(BusyPoll::kRestMost) + 2);
  CHECK(world.sleeps(15'000, 1000) == 0);
  // One look in vain does not end the looks for long.
  world.wait(kSecond);
  CHECK(world.sleeps(15'000, 1000) <= 4);
}

TEST("busy poll: a stream whose events never come during a look is hardly looked for") {
  // The sender shares the CPU: its event comes only once the thread sleeps.
  World world;
  Time looked = 0;
  for (int i = 0; i < 10'000; i++) {
    world.wait(world.busy_poll.length() + 25'000);
    looked += world.looked;
  }
  CHECK(looked < 100 * 2 * BusyPoll::kLongest);
}

TEST("busy poll: a gap between two looks ends them") {
  World world;
  world.wait(35'000, 10);
  CHECK(world.busy_poll.length() == 40'000);
  CHECK(world.busy_poll.begin(world.now));
  CHECK(world.busy_poll.goes_on(world.now + 1000));
  CHECK(!world.busy_poll.goes_on(world.now + 1000 + BusyPoll::kGap + 1));
  world.busy_poll.woken(world.now + 30'000);
  CHECK(world.busy_poll.length() == 0);
  // A fixed length goes on.
  World fixed{.busy_poll = BusyPoll::fixed(kMillisecond)};
  CHECK(fixed.busy_poll.begin(fixed.now));
  CHECK(fixed.busy_poll.goes_on(fixed.now + kMillisecond / 2));
}
