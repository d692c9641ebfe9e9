#include "engine/loop.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <atomic>

#include "engine/endpoints/datagram.h"
#include "test/check.h"
#include "test/frames.h"

using namespace tsvde;
using namespace tsvde::test;

namespace {

// A client's end of a data socket; the other is the engine's.
struct Client {
  Client(Loop& loop, uint32_t port, uint32_t id) {
    int ends[2];
    socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    mine = Fd(ends[1]);
    timeval patience{.tv_sec = 10, .tv_usec = 0};
    setsockopt(mine.number(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    loop.call([&](Switch& sw, int64_t) { sw.add_port(port); });
    CHECK(loop.attach(port, id, std::make_unique<Datagram>(Fd(ends[0])), 16) == 0);
  }

  void send(const Bytes& bytes) const {
    CHECK(::send(mine.number(), bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
  }

  [[nodiscard]] Bytes receive() const {
    Bytes bytes(kFrameMax);
    const ssize_t size = recv(mine.number(), bytes.data(), bytes.size(), 0);
    bytes.resize(size < 0 ? 0 : static_cast<size_t>(size));
    return bytes;
  }

  Fd mine;
};

}  // namespace

TEST("frames go from socket to socket") {
  Loop loop(100, [](const Event&) {});
  const Client a(loop, 1, 1);
  const Client b(loop, 2, 2);
  for (const uint32_t size : {60u, 1514u, 9000u, 65535u}) {
    a.send(frame_bytes(kBroadcast, kA, size, 7));
    CHECK(b.receive() == frame_bytes(kBroadcast, kA, size, 7));
  }
}

TEST("an endpoint for a port that is not there is refused and closed") {
  Loop loop(100, [](const Event&) {});
  CHECK(loop.attach(5, 1, std::make_unique<Datagram>(Fd(socket(AF_UNIX, SOCK_DGRAM, 0))), 16) == ENXIO);
}

TEST("what waits for a slow client reaches it when it reads, and the rest is counted") {
  Loop loop(100, [](const Event&) {});
  loop.call([](Switch& sw, int64_t) { sw.hub = true; });
  const Client a(loop, 1, 1);
  const Client b(loop, 2, 2);
  const Client c(loop, 3, 3);
  constexpr uint32_t kSent = 2000;
  for (uint32_t i = 0; i < kSent; i++) {
    a.send(frame_bytes(kBroadcast, kA, 1000, static_cast<uint8_t>(i)));
    CHECK(c.receive() == frame_bytes(kBroadcast, kA, 1000, static_cast<uint8_t>(i)));
  }
  const Counters counters = loop.call([](Switch& sw, int64_t) { return sw.port(2)->snapshot(); });
  CHECK(counters[queue_frames] == 16 && counters[queue_limit] == 16);
  CHECK(counters[transmit_broadcast] + counters[transmit_drop_queue_full] == kSent);
  for (uint32_t i = 0; i < counters[transmit_broadcast]; i++) {
    CHECK(b.receive() == frame_bytes(kBroadcast, kA, 1000, static_cast<uint8_t>(i)));
  }
}

TEST("an address on two ports is told of once a second") {
  std::atomic<int> events = 0;
  {
    Loop loop(100,
              [&](const Event& event) { events += event.kind == Event::Kind::mac_seen_elsewhere ? 1 : 0; });
    const Client a(loop, 1, 1);
    const Client b(loop, 2, 2);
    for (int i = 0; i < 100; i++) {
      a.send(frame_bytes(kBroadcast, kA));
      CHECK(b.receive().size() == 60);
      b.send(frame_bytes(kBroadcast, kA));
      CHECK(a.receive().size() == 60);
    }
  }
  CHECK(events >= 1 && events <= 3);
}

TEST("ports come and go, and counters are read, while frames fly") {
  Loop loop(100, [](const Event&) {});
  const Client a(loop, 1, 1);
  const Client b(loop, 2, 2);
  std::atomic<bool> done = false;
  std::thread traffic([&] {
    for (uint8_t i = 0; !done; i++) {
      a.send(frame_bytes(kBroadcast, kA, 200, i));
      CHECK(b.receive() == frame_bytes(kBroadcast, kA, 200, i));
    }
  });
  for (uint32_t round = 0; round < 300; round++) {
    const Client guest(loop, 3 + round % 5, 100 + round);
    CHECK(loop.call([](Switch& sw, int64_t) { return sw.ports().size(); }) >= 3);
    loop.detach(3 + round % 5, 100 + round);
    loop.call([&](Switch& sw, int64_t) { sw.remove_port(3 + round % 5); });
  }
  done = true;
  traffic.join();
}

TEST("stopping is final, may be repeated, and answers calls all the same") {
  Loop loop(100, [](const Event&) {});
  const Client a(loop, 1, 1);
  loop.stop();
  loop.stop();
  CHECK(loop.call([](Switch& sw, int64_t) { return sw.ports().empty(); }));
  CHECK(a.receive().empty());
}
