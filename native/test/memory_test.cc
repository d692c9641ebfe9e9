// Want of memory: each allocation of each task and of each kind of endpoint fails in turn.
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/un.h>

#include <functional>
#include <set>

#include "engine/endpoints/addressed.h"
#include "engine/endpoints/stream.h"
#include "engine/endpoints/tap.h"
#include "engine/endpoints/vhost_user.h"
#include "test/failing.h"
#include "test/loops.h"

using namespace tsvde;
using namespace tsvde::test;

namespace {

constexpr uint32_t kTried = 9;  // a port of the tasks, besides those of the two clients

// A switch with two clients, and the events that it has sent.
struct World {
  World() : loop(64, [this](Event event) { queues.push(std::move(event)); }), a(loop, 1, 1), b(loop, 2, 2) {}

  [[nodiscard]] pid_t engine() {
    return loop.call([](Switch&, int64_t) { return gettid(); });
  }
  // Returns whether a frame gets from one client to the other.
  [[nodiscard]] bool forwards() {
    const Bytes sent = frame_bytes(kB, kA, 100, ++mark);
    a.send(sent);
    return b.receive() == sent;
  }

  EventQueues queues;
  Loop loop;
  Client a;
  Client b;
  Fd other;  // the other end of an endpoint that is tried
  uint8_t mark = 0;
};

// Something that is asked of the engine. `run` returns 0 or an errno, or throws std::bad_alloc.
struct Task {
  const char* name;
  std::function<int(World&)> run;
  std::function<bool(World&)> done;
  std::function<void(World&)> before = [](World&) {};
};

int run(const Task& task, World& world) {
  try {
    return task.run(world);
  } catch (const std::bad_alloc&) {
    return ENOMEM;
  }
}

void check(const Task& task, bool right) {
  if (!right) std::printf("task: %s\n", task.name);
  CHECK(right);
}

enum class Thread { engine, caller };

// Runs the task in a new world with the first allocation of a thread failing, then in another with the
// second, and so on until there are no more. Returns how many allocations have failed.
uint32_t try_each(const Task& task, Thread of) {
  for (uint32_t nth = 1;; nth++) {
    World world;
    task.before(world);
    const pid_t thread = of == Thread::engine ? world.engine() : gettid();
    int error = 0;
    bool reached = false;
    {
      const Failing failing(thread, nth, 1);
      error = run(task, world);
      reached = failing.reached();
    }
    check(task, error == (reached ? ENOMEM : 0) && task.done(world) == !reached && world.forwards());
    if (!reached) return nth - 1;
    check(task, run(task, world) == 0 && task.done(world) && world.forwards());  // with memory
  }
}

void add_port(World& world) {
  world.loop.call([](Switch& sw, int64_t) { sw.add_port(kTried); });
}

// Runs `ask(switch, port 9)` in the engine's thread, and returns its result.
template <typename Ask>
auto at_port(World& world, Ask ask) {
  return world.loop.call([&](Switch& sw, int64_t) { return ask(sw, *sw.port(kTried)); });
}

int add_capture(World& world) {
  return world.loop.add_capture(1, {.ports = {1}}, Fd(memfd_create("capture", MFD_CLOEXEC)));
}

std::optional<CaptureStats> capture_stats(World& world) {
  std::optional<CaptureStats> stats;
  world.loop.with_capture(1, [&](const Capture& capture) { stats = capture.stats(); });
  return stats;
}

Address path_of_nobody() {
  Address address;
  auto& name = reinterpret_cast<sockaddr_un&>(address.bytes);
  name.sun_family = AF_UNIX;
  address.size = sizeof(sa_family_t) + 10;
  return address;
}

using Make = std::function<std::unique_ptr<Endpoint>(Fd)>;

// One of each kind. Each can have a socket as its descriptor here.
const std::vector<std::pair<const char*, Make>> kKinds = {
    {"datagram", [](Fd fd) { return std::make_unique<tsvde::Datagram>(std::move(fd)); }},
    {"peer",
     [](Fd fd) {
       return std::make_unique<Peer>(std::move(fd), path_of_nobody(), std::vector{path_of_nobody()});
     }},
    {"multicast", [](Fd fd) { return std::make_unique<Multicast>(std::move(fd), Fd(eventfd(0, 0))); }},
    {"stream", [](Fd fd) { return std::make_unique<Stream>(std::move(fd)); }},
    {"tap", [](Fd fd) { return std::make_unique<Tap>(std::move(fd)); }},
    {"vhost-user", [](Fd fd) { return std::make_unique<VhostUser>(std::move(fd), VhostUser::Options{}); }},
};

Task attach(const char* name, const Make& make) {
  return {.name = name,
          .run =
              [&make](World& world) {
                int ends[2];
                socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends);
                world.other = Fd(ends[1]);
                return world.loop.attach(kTried, 9, make(Fd(ends[0])), 16);
              },
          .done =
              [](World& world) {
                return at_port(world, [](Switch&, Port& port) { return !port.attachments.empty(); });
              },
          .before = add_port};
}

const std::vector<Task> kTasks = {
    {.name = "add a port",
     .run =
         [](World& world) {
           add_port(world);
           return 0;
         },
     .done =
         [](World& world) {
           return world.loop.call([](Switch& sw, int64_t) { return sw.port(kTried) != nullptr; });
         }},
    {.name = "make a port a member of a VLAN",
     .run =
         [](World& world) {
           at_port(world, [](Switch& sw, Port& port) { sw.set_member(port, 5, true); });
           return 0;
         },
     .done =
         [](World& world) {
           return at_port(world, [](Switch&, Port& port) { return port.member_of.test(5); });
         },
     .before = add_port},
    {.name = "set a port's untagged VLAN",
     .run =
         [](World& world) {
           at_port(world, [](Switch& sw, Port& port) { sw.set_untagged_vlan(port, 5); });
           return 0;
         },
     .done =
         [](World& world) {
           return at_port(
               world, [](Switch&, Port& port) { return port.untagged_vlan == 5 && !port.member_of.test(0); });
         },
     .before = add_port},
    {.name = "add a mirror",
     .run = [](World& world) { return world.loop.add_mirror(1, {.ports = {1}}, kTried); },
     .done =
         [](World& world) {
           return at_port(world,
                          [](Switch& sw, Port& port) { return !sw.mirrors().empty() && port.mirror_target; });
         },
     .before = add_port},
    {.name = "add a capture",
     .run = add_capture,
     .done = [](World& world) { return capture_stats(world).has_value(); }},
};

template <typename Condition>
void wait_until(Condition condition) {
  for (int i = 0; i < 2000 && !condition(); i++) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  CHECK(condition());
}

}  // namespace

TEST("want of memory: each allocation of each task can fail: the task is refused, and changes nothing") {
  for (const Task& task : kTasks) {
    check(task, try_each(task, Thread::engine) > 0);
    (void)try_each(task, Thread::caller);
  }
}

TEST("want of memory: each allocation of an attachment can fail, for each kind of endpoint") {
  for (const auto& [name, make] : kKinds) {
    const Task task = attach(name, make);
    check(task, try_each(task, Thread::caller) > 0);
    (void)try_each(task, Thread::engine);
  }
}

TEST("want of memory: tasks that take away or look need no memory in the engine's thread") {
  World world;
  add_port(world);
  CHECK(run(attach(kKinds[0].first, kKinds[0].second), world) == 0);
  CHECK(world.loop.add_mirror(1, {.ports = {1}}, kTried) == 0);
  CHECK(add_capture(world) == 0);
  at_port(world, [](Switch& sw, Port& port) { sw.set_member(port, 5, true); });
  std::vector<MacTable::Entry> entries;
  entries.reserve(64);
  CHECK(world.forwards());
  const Failing failing(world.engine());
  world.loop.watch_macs(true);
  world.loop.call([&](Switch& sw, int64_t now) { sw.macs.list(entries, now); });
  CHECK(entries.size() == 1);
  at_port(world, [](Switch& sw, Port& port) {
    for (const bool discarding : {true, false}) sw.set_discarding(port, 5, discarding);
  });
  world.loop.remove_mirror(1);  // the port is active again
  CHECK(at_port(world, [](Switch& sw, Port&) { return sw.vlans.members(5).tagged.size() == 1; }));
  Bytes own = frame_bytes(kBroadcast, kB);
  CHECK(world.loop.send(kTried, own) == 0);
  world.loop.remove_capture(1);
  CHECK(!failing.reached() || !capture_stats(world));  // only the capture's statistics are allocated
  world.loop.detach(kTried, 9);
  world.loop.call([](Switch& sw, int64_t) { sw.remove_port(kTried); });
  CHECK(world.loop.call([](Switch& sw, int64_t) { return sw.port_count() == 2; }));
  CHECK(world.forwards());
}

TEST("want of memory: frames are forwarded, and events and captured frames are lost and counted") {
  World world;
  world.loop.call([](Switch& sw, int64_t) { sw.takes_bpdus = true; });
  world.loop.set_frame_events(true);
  world.loop.watch_macs(true);
  CHECK(add_capture(world) == 0);
  {
    const Failing failing(world.engine());
    for (int i = 0; i < 20; i++) {
      world.a.send(frame_bytes(0x0180'c200'0000, kA + static_cast<uint64_t>(i)));
      CHECK(world.forwards());
    }
  }
  const auto lost = world.queues.lost();
  CHECK(lost.bpdus == 20 && lost.frames == 60 && lost.macs == 1 && capture_stats(world)->lost == 40);
  while (world.queues.take()) CHECK(false);
  CHECK(world.forwards());  // with memory
  CHECK(capture_stats(world)->frames == 1 && world.queues.take()->kind == Event::Kind::received);
}

TEST("want of memory: the end of an endpoint and of a capture is reported as soon as there is memory") {
  World world;
  add_port(world);
  CHECK(run(attach("stream", kKinds[3].second), world) == 0);
  int ends[2];
  CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
  Fd reader(ends[1]);
  CHECK(world.loop.add_capture(7, {}, Fd(ends[0])) == 0);
  {
    const Failing failing(world.engine());
    world.other = Fd();
    reader = Fd();
    wait_until([&] {
      bool ended = false;
      world.loop.with_capture(7, [&](Capture& capture) { ended = capture.output().ended(); });
      return ended && at_port(world, [](Switch&, Port& port) {
               return port.attachments[0]->service.unreported == EPIPE;
             });
    });
    CHECK(!world.queues.take() && world.forwards());
  }
  std::set<Event::Kind> kinds;
  wait_until([&] {
    while (const auto event = world.queues.take()) CHECK(kinds.insert(event->kind).second);
    return kinds.size() == 2;
  });
  CHECK(kinds.contains(Event::Kind::endpoint_ended) && kinds.contains(Event::Kind::capture_ended));
  CHECK(sleeps(world.loop));
}

TEST("want of memory: an endpoint that is detached before its end is reported leaves nothing to report") {
  World world;
  add_port(world);
  CHECK(run(attach("stream", kKinds[3].second), world) == 0);
  {
    const Failing failing(world.engine());
    world.other = Fd();
    wait_until([&] {
      return at_port(world, [](Switch&, Port& port) { return port.attachments[0]->service.unreported != 0; });
    });
    world.loop.detach(kTried, 9);
  }
  CHECK(sleeps(world.loop) && !world.queues.take());
}

TEST("want of memory: an engine that cannot start says so, and leaves nothing behind") {
  for (uint32_t nth = 1;; nth++) {
    const Failing failing(gettid(), nth, 1);
    try {
      const Loop loop(64, [](const Event&) {});
      CHECK(!failing.reached() && nth > 1);
      break;
    } catch (const std::bad_alloc&) {
      CHECK(failing.reached());
    }
  }
}
