#include "engine/loop.h"

#include <sched.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "engine/endpoints/stream.h"
#include "test/loops.h"

using namespace tsvde;
using namespace tsvde::test;

TEST("frames are forwarded from socket to socket") {
  Loop loop(100, [](const Event&) {});
  const Client a(loop, 1, 1);
  const Client b(loop, 2, 2);
  for (const uint32_t size : {60u, 1514u, 9000u, 65535u}) {
    a.send(frame_bytes(kBroadcast, kA, size, 7));
    CHECK(b.receive() == frame_bytes(kBroadcast, kA, size, 7));
  }
}

TEST("a send buffer that is already larger than the engine's stays as it is") {
  int ends[2];
  socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends);
  const Fd other(ends[1]);
  const auto size_of = [](int fd) {
    int size = 0;
    socklen_t length = sizeof size;
    getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, &length);
    return size;
  };
  constexpr int kMuch = 4 << 20;
  const Fd much(ends[0]);
  if (setsockopt(much.number(), SOL_SOCKET, SO_SNDBUFFORCE, &kMuch, sizeof kMuch) < 0)
    skip("only root may exceed net.core.wmem_max");
  const int given = size_of(ends[0]);
  const Datagram datagram{Fd(dup(ends[0]))};
  CHECK(size_of(datagram.fd()) >= given);
}

TEST("a small send buffer has room for a batch of full-sized frames, and for the longest frame") {
  using enum Datagram::SendBuffer;
  for (const auto& [buffer, size, least] :
       {std::tuple{kSmall, 1514u, 32}, {kSmall, 65535u, 1}, {kLarge, 1514u, 128}}) {
    const SocketPair pair(SOCK_DGRAM);
    Datagram datagram(Fd(dup(pair.ours.number())), buffer);
    Bytes bytes = frame_bytes(kBroadcast, kA, size);
    Frame frame;
    frame.parts[0] = {.iov_base = bytes.data(), .iov_len = bytes.size()};
    frame.part_count = 1;
    Frame* const frames[] = {&frame};
    int sent = 0;
    while (datagram.send(frames, 0).frames == 1) sent++;
    CHECK(sent >= least);
    CHECK(sent * size <= static_cast<uint32_t>(buffer) + size);
  }
}

TEST("an endpoint for a port that does not exist is refused and closed") {
  Loop loop(100, [](const Event&) {});
  CHECK(loop.attach(5, 1, std::make_unique<Datagram>(Fd(socket(AF_UNIX, SOCK_DGRAM, 0))), 16) == ENXIO);
}

TEST("the socket of a detached endpoint is not read, although a duplicate of its descriptor is open") {
  Loop loop(100, [](const Event&) {});
  int ends[2];
  socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends);
  const Fd copy(dup(ends[0]));
  const Fd other(ends[1]);
  const Client client(loop, 2, 2);
  loop.call([](Switch& sw, int64_t) { sw.add_port(1); });
  CHECK(loop.attach(1, 1, std::make_unique<Datagram>(Fd(ends[0])), 16) == 0);
  loop.detach(1, 1);
  const Bytes bytes = frame_bytes(kBroadcast, kA);
  CHECK(write(other.number(), bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  client.send(bytes);
  while (loop.call([](Switch& sw, int64_t) { return sw.port(2)->counters[receive_broadcast]; }) == 0)
    continue;
  Bytes left(bytes.size());
  CHECK(recv(copy.number(), left.data(), left.size(), MSG_DONTWAIT) == 60);
}

// An endpoint that waits for a descriptor that epoll refuses.
class Unwatchable final : public Endpoint {
 public:
  Unwatchable() { watch({.fd = out_.number(), .room = EPOLLOUT}); }
  Moved receive(std::span<Frame>, Time) override { return {0, EAGAIN}; }
  Moved send(std::span<Frame* const>, Time) override { return {0, EAGAIN}; }

 private:
  Fd out_{open("/dev/null", O_WRONLY | O_CLOEXEC)};
};

TEST("an endpoint whose descriptor for room cannot be watched ends with the error of epoll") {
  std::atomic<int> error = 0;
  Loop loop(100, [&](const Event& event) {
    if (event.kind == Event::Kind::endpoint_ended && event.port == 2) error = event.error;
  });
  const Client client(loop, 1, 1);
  loop.call([](Switch& sw, int64_t) { sw.add_port(2); });
  CHECK(loop.attach(2, 2, std::make_unique<Unwatchable>(), 16) == 0);
  client.send(frame_bytes(kBroadcast, kA));
  while (loop.call([](Switch& sw, int64_t) { return sw.port(2)->counters[transmit_broadcast]; }) == 0)
    continue;
  CHECK(error == EPERM);
  loop.detach(2, 2);
}

TEST("frames that wait for a slow client reach it when it reads, and the dropped ones are counted") {
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

TEST("each kind of move event comes at most once a second, and no flapping address hides another's move") {
  std::vector<Event> events;
  int64_t began = 0;
  int64_t ended = 0;
  {
    Loop loop(100, [&](const Event& event) { events.push_back(event); });
    const Client a(loop, 1, 1);
    const Client b(loop, 2, 2);
    const auto send_on_both = [&](uint64_t source) {
      a.send(frame_bytes(kBroadcast, source));
      CHECK(b.receive().size() == 60);
      b.send(frame_bytes(kBroadcast, source));
      CHECK(a.receive().size() == 60);
    };
    const auto second = [&] { return loop.call([](Switch&, int64_t now) { return now; }); };
    began = second();
    for (uint64_t address = 0; address < 20; address++) {
      for (int i = 0; i < 5; i++) send_on_both(0x0200'0000'1000 + address);
    }
    for (const int64_t last = second(); second() == last;)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    send_on_both(0x0200'0000'1000);
    send_on_both(kB);
    ended = second();
  }
  const MacKey other = Slot(frame_bytes(kBroadcast, kB)).frame.source(0);
  int moves = 0;
  int flaps = 0;
  int of_other = 0;
  for (const Event& event : events) {
    (event.kind == Event::Kind::mac_flapping ? flaps : moves)++;
    if (event.key == other) of_other++;
  }
  const int64_t seconds = ended - began + 1;
  CHECK(moves >= 3 && moves <= 2 * seconds && flaps >= 1 && flaps <= seconds);
  CHECK(of_other == 1);
}

TEST("ports are added, counted and removed while frames flow") {
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
    CHECK(loop.call([](Switch& sw, int64_t) { return sw.port_count(); }) >= 3);
    loop.detach(3 + round % 5, 100 + round);
    loop.call([&](Switch& sw, int64_t) { sw.remove_port(3 + round % 5); });
  }
  done = true;
  traffic.join();
}

TEST("stopping is final and idempotent, and calls still work after it") {
  Loop loop(100, [](const Event&) {});
  const Client a(loop, 1, 1);
  loop.stop();
  loop.stop();
  CHECK(loop.call([](Switch& sw, int64_t) { return sw.port_count() == 0; }));
  uint8_t byte = 0;
  CHECK(recv(a.mine.number(), &byte, 1, MSG_DONTWAIT) < 0);
}

TEST("a reader that stopped delays its own source only once, and other sources not at all") {
  Loop loop(100, [](const Event&) {});
  loop.set_pacing(50);
  const Client flood(loop, 1, 1);
  const Client stopped(loop, 2, 2);
  const Client a(loop, 3, 3);
  const Client b(loop, 4, 4);
  stopped.send(frame_bytes(kBroadcast, kB));
  for (const Client* client : {&flood, &a, &b}) CHECK(client->receive().size() == 60);
  constexpr uint64_t kC = 0x0200'0000'000c;
  constexpr uint64_t kD = 0x0200'0000'000d;
  b.send(frame_bytes(kBroadcast, kC));
  for (const Client* client : {&flood, &a}) CHECK(client->receive().size() == 60);
  std::thread traffic([&] {  // blocks while port 1 is paused
    for (int i = 0; i < 3000; i++) flood.send(frame_bytes(kB, kA));
  });
  uint8_t passed = 0;
  for (; passed < 200; passed++) {
    a.send(frame_bytes(kC, kD, 60, passed));
    if (b.receive() != frame_bytes(kC, kD, 60, passed)) break;
  }
  CHECK(passed == 200);
  traffic.join();
  // A further frame from `flood` arrives at `b` only after all its earlier frames have been read.
  flood.send(frame_bytes(kC, kA, 60, 99));
  CHECK(b.receive() == frame_bytes(kC, kA, 60, 99));
  loop.call([](Switch& sw, int64_t) {
    CHECK(sw.port(1)->counters[receive_pauses] == 1);
    CHECK(sw.port(2)->counters[transmit_stalls] == 1);
    CHECK(sw.port(2)->counters[transmit_unicast] + sw.port(2)->counters[transmit_drop_queue_full] == 3000);
    CHECK(sw.port(3)->counters[receive_pauses] == 0);
  });
}

TEST("all frames from a source to a slow reader arrive while the source is paced") {
  constexpr uint32_t kSent = 3000;
  for (const uint32_t size : {60u, 1000u, 9014u, 65'000u}) {
    Loop loop(100, [](const Event&) {});
    loop.set_pacing(10'000);
    const Client a(loop, 1, 1);
    const Client b(loop, 2, 2, 256);
    b.send(frame_bytes(kBroadcast, kB));
    CHECK(a.receive().size() == 60);
    std::thread traffic([&] {
      for (uint32_t i = 0; i < kSent; i++) a.send(frame_bytes(kB, kA, size, static_cast<uint8_t>(i)));
    });
    uint32_t in_order = 0;
    for (; in_order < kSent; in_order++) {
      if (in_order % 100 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      if (b.receive() != frame_bytes(kB, kA, size, static_cast<uint8_t>(in_order))) break;
    }
    CHECK(in_order == kSent);
    loop.set_pacing(0);  // so that the sender ends, also if the test fails
    traffic.join();
  }
}

TEST("all frames that a stream sent before its end arrive while it is paced by a slow reader") {
  Loop loop(100, [](const Event&) {});
  loop.set_pacing(10'000);
  const Client b(loop, 2, 2);
  int ends[2];
  socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends);
  Fd source(ends[1]);
  loop.call([](Switch& sw, int64_t) { sw.add_port(1); });
  CHECK(loop.attach(1, 1, std::make_unique<Stream>(Fd(ends[0])), 16) == 0);
  b.send(frame_bytes(kBroadcast, kB));  // so that the switch learns the address of `b`
  while (loop.call([](Switch& sw, int64_t) { return sw.port(1)->counters[transmit_broadcast]; }) == 0)
    continue;
  const auto pauses = [&] {
    return loop.call([](Switch& sw, int64_t) { return sw.port(1)->counters[receive_pauses]; });
  };
  uint32_t sent = 0;
  const auto send_one = [&] {
    Bytes bytes = frame_bytes(kB, kA, 1000, static_cast<uint8_t>(sent++));
    bytes.insert(bytes.begin(), {0, 0, 1000 >> 8, 1000 & 0xff});
    CHECK(send(source.number(), bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
  };
  while (pauses() == 0) send_one();
  for (int i = 0; i < 50; i++) send_one();  // more than fit into the reader's queue
  source = Fd();
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  CHECK(pauses() == 1);
  uint32_t in_order = 0;
  while (in_order < sent && b.receive() == frame_bytes(kB, kA, 1000, static_cast<uint8_t>(in_order)))
    in_order++;
  CHECK(in_order == sent);
}

TEST("each ready port is served one batch before any is served a second") {
  Loop loop(100, [](const Event&) {});
  constexpr uint32_t kPorts = 3;
  constexpr uint32_t kRounds = 2;  // few enough for the buffer of `last`
  std::vector<std::unique_ptr<Client>> clients;
  for (uint32_t i = 1; i <= kPorts; i++) clients.push_back(std::make_unique<Client>(loop, i, i));
  const Client last(loop, kPorts + 1, kPorts + 1);
  last.send(frame_bytes(kBroadcast, kB));
  for (const auto& client : clients) CHECK(client->receive().size() == 60);
  // A task keeps the thread busy while each client sends its batches, one client after the other.
  loop.call([&](Switch&, int64_t) {
    for (uint8_t i = 0; i < kPorts; i++)
      for (uint32_t n = 0; n < kRounds * kBatch; n++)
        clients[i]->send(frame_bytes(kB, 0x0200'0000'0100 + i, 60, i));
  });
  std::array<uint32_t, kPorts> seen{};
  uint32_t most_apart = 0;
  for (uint32_t n = 0; n < kPorts * kRounds * kBatch; n++) {
    const Bytes bytes = last.receive();
    if (bytes.size() < 15) break;
    seen[bytes[14]]++;
    most_apart = std::max(most_apart, std::ranges::max(seen) - std::ranges::min(seen));
  }
  CHECK(seen == (std::array<uint32_t, kPorts>{kRounds * kBatch, kRounds * kBatch, kRounds * kBatch}));
  CHECK(most_apart <= kBatch);
}

TEST("a batch grows by one when full and shrinks to a quarter when not") {
  Loop loop(100, [](const Event&) {});
  const Client a(loop, 1, 1);
  const Client b(loop, 2, 2);
  const Client other(loop, 3, 3);  // so that there is no sole destination, whose queue would limit a batch
  b.send(frame_bytes(kBroadcast, kB));
  CHECK(a.receive().size() == 60);
  const auto batch = [&] {
    return loop.call([](Switch& sw, int64_t) { return sw.port(1)->attachments[0]->service.batch; });
  };
  // Sends `count` frames while a task keeps the thread busy.
  const auto send = [&](uint32_t count) {
    loop.call([&](Switch&, int64_t) {
      for (uint32_t i = 0; i < count; i++) a.send(frame_bytes(kBroadcast, kA));
    });
    for (uint32_t i = 0; i < count; i++) CHECK(b.receive().size() == 60);
  };
  CHECK(batch() == 1);
  send(1 + 2 + 3 + 4);
  CHECK(batch() == 5);
  send(1);
  CHECK(batch() == 1);
  for (uint32_t i = 1; i <= kBatch; i++) send(i);
  CHECK(batch() == kBatch);
  send(kBatch);
  CHECK(batch() == kBatch);
  send(1);
  CHECK(batch() == kBatch / 4);
}

TEST("the thread is placed on a CPU, and a CPU that does not exist is refused") {
  Loop loop(100, [](const Event&) {});
  CHECK(loop.place_on_cpu(CPU_SETSIZE) == EINVAL);
  CHECK(loop.place_on_cpu(CPU_SETSIZE - 1) == EINVAL);
  cpu_set_t mine;
  sched_getaffinity(0, sizeof mine, &mine);
  for (uint32_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
    if (!CPU_ISSET(cpu, &mine)) continue;
    CHECK(loop.place_on_cpu(cpu) == 0);
    CHECK(loop.call([](Switch&, int64_t) { return sched_getcpu(); }) == static_cast<int>(cpu));
  }
}

TEST("frames are forwarded and tasks run while the thread polls") {
  for (const BusyPoll& busy_poll : {BusyPoll::fixed(kMillisecond), BusyPoll::adaptive()}) {
    Loop loop(100, [](const Event&) {});
    loop.set_busy_poll(busy_poll);
    const Client a(loop, 1, 1);
    const Client b(loop, 2, 2);
    for (uint32_t i = 0; i < 1000; i++) {
      const auto sent = frame_bytes(kBroadcast, kA, 60, static_cast<uint8_t>(i));
      a.send(sent);
      CHECK(b.receive() == sent);
    }
    if (busy_poll.length() == 0) CHECK(sleeps(loop));
  }
}
