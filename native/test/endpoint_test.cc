// Tests the contract between endpoints and the loop. The tests use two kinds of endpoints that need more of
// the loop than a socket does. `Rings` is like the rings of a guest in shared memory: it has an eventfd (a
// kick) for each direction, a control socket and a timer. `Delayed` wraps another endpoint.
#include "engine/endpoint.h"

#include <sys/eventfd.h>
#include <sys/timerfd.h>

#include <atomic>
#include <map>
#include <mutex>

#include "engine/offload/virtio_header.h"
#include "test/datagrams.h"
#include "test/loops.h"

using namespace tsvde;
using namespace tsvde::test;
// test/datagrams.h has another class named Datagram.
using Plain = tsvde::Datagram;

namespace {

Fd event_descriptor() {
  return Fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
}
Fd timer_descriptor() {
  return Fd(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
}
// Sets the time at which the timer fires; 0: it does not fire.
void set_timer(const Fd& timer, Time at) {
  const itimerspec when{.it_interval = {}, .it_value = {.tv_sec = at / kSecond, .tv_nsec = at % kSecond}};
  timerfd_settime(timer.number(), TFD_TIMER_ABSTIME, &when, nullptr);
}
void empty(const Fd& counter) {
  eventfd_t ignored = 0;
  (void)eventfd_read(counter.number(), &ignored);
}
template <typename Condition>
void until(Condition condition) {
  for (int tries = 0; tries < 10'000 && !condition(); tries++)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  CHECK(condition());
}

// The state that a guest shares with the endpoint. The guest is the thread of the test.
struct Guest {
  std::mutex mutex;
  std::deque<Bytes> sent;
  std::vector<Bytes> received;
  std::vector<Offload> undone;
  size_t room = 1u << 20;
  std::map<char, int> woken;  // counts by descriptor: 'i'n, 'o'ut, 'c'ontrol, 't'imer
  Time armed_at = 0, fired_at = 0;
  Fd kick_in = event_descriptor();
  Fd kick_out = event_descriptor();
  SocketPair control{SOCK_SEQPACKET};

  void kick(const Fd& which) const { CHECK(eventfd_write(which.number(), 1) == 0); }
  void send(const Bytes& bytes) {
    const std::lock_guard lock(mutex);
    sent.push_back(bytes);
  }
  void command(char what, int argument = 0) const {
    const int message[2] = {what, argument};
    CHECK(::send(control.theirs.number(), message, sizeof message, 0) == sizeof message);
  }
  template <typename Look>
  auto look(Look look) {
    const std::lock_guard lock(mutex);
    return look();
  }
  int times(char what) {
    return look([&] { return woken[what]; });
  }
  size_t received_count() {
    return look([&] { return received.size(); });
  }
};

class Rings final : public Endpoint {
 public:
  explicit Rings(Guest& guest)
      : guest_(guest),
        kick_in_(dup(guest.kick_in.number())),
        kick_out_(dup(guest.kick_out.number())),
        control_(std::move(guest.control.ours)) {
    watch({.fd = kick_in_.number(), .frames = EPOLLIN});
    watch({.fd = kick_out_.number(), .room = EPOLLIN});
    watch({.fd = control_.number(), .other = EPOLLIN});
    watch({.fd = timer_.number(), .other = EPOLLIN});
  }

  Moved receive(std::span<Frame> frames, Time) override {
    const std::lock_guard lock(guest_.mutex);
    uint32_t count = 0;
    for (; count < frames.size() && !guest_.sent.empty(); count++) {
      const Bytes& bytes = guest_.sent.front();
      std::ranges::copy(bytes, frames[count].data());
      frames[count].parts[0].iov_len = bytes.size();
      guest_.sent.pop_front();
    }
    // The kick stays set while the ring is not empty, so that other endpoints are served between two batches.
    if (guest_.sent.empty()) empty(kick_in_);
    return {count, count == 0 ? EAGAIN : 0};
  }

  Moved send(std::span<Frame* const> frames, Time) override {
    const std::lock_guard lock(guest_.mutex);
    for (uint32_t i = 0; i < frames.size(); i++) {
      if (guest_.room == 0) return {i, EAGAIN};
      guest_.room--;
      guest_.received.push_back(frames[i]->copy());
      guest_.undone.push_back(frames[i]->offload);
    }
    return {static_cast<uint32_t>(frames.size()), 0};
  }

  int woken(int fd, uint32_t, Time now) override {
    CHECK(std::ranges::find(watches(), fd, &Watch::fd) != watches().end());
    const std::lock_guard lock(guest_.mutex);
    if (fd == kick_in_.number()) guest_.woken['i']++;
    if (fd == kick_out_.number()) {
      guest_.woken['o']++;
      empty(kick_out_);
    }
    if (fd == timer_.number()) {
      guest_.woken['t']++;
      guest_.fired_at = now;
      empty(timer_);
    }
    return fd == control_.number() ? obey(now) : 0;
  }

 private:
  int obey(Time now) {
    guest_.woken['c']++;
    int message[2] = {};
    if (recv(control_.number(), message, sizeof message, MSG_DONTWAIT) <= 0) return EPIPE;
    switch (message[0]) {
      case 'o':
        offloads_ = static_cast<Offloads>(message[1]);
        break;
      case 't':
        guest_.armed_at = now;
        set_timer(timer_, now + message[1] * kMillisecond);
        break;
      case 'r':  // remove the kick
        unwatch(kick_in_.number());
        break;
      case 'k':  // replace the kick by another descriptor, which may get the same number
        unwatch(kick_in_.number());
        kick_in_ = Fd();
        kick_in_ = Fd(dup(message[1]));
        watch({.fd = kick_in_.number(), .frames = EPOLLIN});
        break;
      case 'u':  // replace the kick by a descriptor that epoll refuses
        unwatch(kick_in_.number());
        kick_in_ = Fd(open("/dev/null", O_RDONLY | O_CLOEXEC));
        watch({.fd = kick_in_.number(), .frames = EPOLLIN});
        break;
    }
    return 0;
  }

  Guest& guest_;
  Fd kick_in_, kick_out_, control_;
  Fd timer_ = timer_descriptor();
};

// A client on port 1 and a guest on port 2.
struct RingBench {
  RingBench()
      : loop(100, [this](const Event& event) {
          if (event.kind == Event::Kind::endpoint_ended) failed = event.error;
        }) {
    loop.call([](Switch& sw, int64_t) { sw.add_port(2); });
    CHECK(loop.attach(2, 2, std::make_unique<Rings>(guest), 64) == 0);
  }
  // Runs the task on the loop's thread, so that one epoll_wait reports all events that the task causes.
  template <typename Task>
  void at_once(Task task) {
    loop.call([&](Switch&, int64_t) { task(); });
  }
  Guest guest;
  std::atomic<int> failed = 0;
  Loop loop;
  Client client{loop, 1, 1};
};

Bytes numbered(uint32_t i) {
  return frame_bytes(kBroadcast, kA, 100, static_cast<uint8_t>(i));
}

}  // namespace

TEST("frames flow in both directions, each with a kick of its own") {
  RingBench bench;
  for (uint32_t i = 0; i < 100; i++) bench.guest.send(numbered(i));
  bench.guest.kick(bench.guest.kick_in);
  for (uint32_t i = 0; i < 100; i++) CHECK(bench.client.receive() == numbered(i));
  for (uint32_t i = 0; i < 10; i++) bench.client.send(numbered(i));
  until([&] { return bench.guest.received_count() == 10; });
  for (uint32_t i = 0; i < 10; i++) CHECK(bench.guest.received[i] == numbered(i));
}

TEST("a kick that reports room wakes the thread only while frames wait for room") {
  RingBench bench;
  for (int i = 0; i < 10; i++) bench.guest.kick(bench.guest.kick_out);
  bench.client.send(numbered(0));
  until([&] { return bench.guest.received_count() == 1; });
  CHECK(bench.guest.times('o') == 0);

  bench.guest.look([&] { bench.guest.room = 0; });
  for (uint32_t i = 1; i <= 20; i++) bench.client.send(numbered(i));
  // The earlier kicks wake the thread once.
  until([&] { return count(bench.loop, 2, queue_frames) == 20 && bench.guest.times('o') == 1; });
  CHECK(sleeps(bench.loop));
  bench.guest.look([&] { bench.guest.room = 7; });
  bench.guest.kick(bench.guest.kick_out);
  until([&] { return bench.guest.received_count() == 8; });
  CHECK(count(bench.loop, 2, queue_frames) == 13);
  bench.guest.look([&] { bench.guest.room = 100; });
  bench.guest.kick(bench.guest.kick_out);
  until([&] { return bench.guest.received_count() == 21; });
  for (uint32_t i = 0; i <= 20; i++) CHECK(bench.guest.received[i] == numbered(i));
}

TEST("the control socket and the timer of a paused source are still served") {
  RingBench bench;
  bench.loop.set_pacing(10'000);
  constexpr uint32_t kSent = 1000;
  for (uint32_t i = 0; i < kSent; i++) bench.guest.send(numbered(i));
  bench.guest.kick(bench.guest.kick_in);
  until([&] { return count(bench.loop, 2, receive_pauses) == 1; });
  const int kicks = bench.guest.times('i');
  for (int i = 0; i < 10; i++) bench.guest.kick(bench.guest.kick_in);
  bench.guest.command('t', 20);
  until([&] { return bench.guest.times('t') == 1; });
  CHECK(bench.guest.times('c') == 1 && bench.guest.times('i') == kicks);
  CHECK(sleeps(bench.loop));
  CHECK(bench.guest.look([&] { return !bench.guest.sent.empty(); }));
  for (uint32_t i = 0; i < kSent; i++) CHECK(bench.client.receive() == numbered(i));
  CHECK(count(bench.loop, 1, transmit_drop_queue_full) == 0);
}

TEST("a timer that is set from the time passed to the endpoint does not fire early") {
  RingBench bench;
  for (int round = 1; round <= 3; round++) {
    bench.guest.command('t', 50);
    until([&] { return bench.guest.times('t') == round; });
    // The coarse clock is up to 10 ms behind.
    CHECK(bench.guest.fired_at - bench.guest.armed_at > 35 * kMillisecond);
  }
}

TEST("a descriptor that was replaced is no longer waited for, although a duplicate of it is open") {
  RingBench bench;
  const Fd another = event_descriptor();
  bench.guest.command('k', another.number());
  until([&] { return bench.guest.times('c') == 1; });
  bench.guest.send(numbered(1));
  bench.guest.kick(bench.guest.kick_in);  // the old kick
  CHECK(sleeps(bench.loop));
  CHECK(bench.guest.times('i') == 0);
  bench.guest.kick(another);
  CHECK(bench.client.receive() == numbered(1));
}

TEST("an event is ignored if an earlier event of the same round has removed its descriptor") {
  for (const char what : {'r', 'k', 'e'}) {
    RingBench bench;
    const Fd another = event_descriptor();
    bench.at_once([&] {
      if (what == 'e') {
        bench.guest.control.theirs = Fd();
      } else {
        bench.guest.command(what, another.number());
      }
      bench.guest.send(numbered(1));
      bench.guest.kick(bench.guest.kick_in);
    });
    until([&] { return bench.guest.times('c') == 1; });
    CHECK(sleeps(bench.loop));
    CHECK(bench.guest.times('i') == 0 && count(bench.loop, 2, receive_broadcast) == 0);
    CHECK(bench.failed == (what == 'e' ? EPIPE : 0));
  }
}

TEST("an endpoint that is detached while its descriptors are ready is not called again") {
  RingBench bench;
  bench.at_once([&] {
    bench.guest.send(numbered(1));
    bench.guest.kick(bench.guest.kick_in);
    bench.guest.command('t', 0);
  });
  bench.loop.detach(2, 2);
  const auto woken = bench.guest.look([&] { return bench.guest.woken; });
  bench.guest.kick(bench.guest.kick_in);
  CHECK(sleeps(bench.loop));
  CHECK(bench.guest.look([&] { return bench.guest.woken; }) == woken);
}

TEST("an endpoint whose new descriptor cannot be watched ends with the error of epoll") {
  RingBench bench;
  bench.guest.command('u');
  until([&] { return bench.failed == EPERM; });
  bench.guest.kick(bench.guest.kick_in);
  CHECK(sleeps(bench.loop));
  bench.loop.detach(2, 2);
}

TEST("an endpoint whose offloads change while attached gets whole datagrams or segments accordingly") {
  RingBench bench;
  test::Datagram d;
  d.payload = random_bytes(20'000);
  const auto send_whole = [&] {
    bench.loop.call([&](Switch& sw, int64_t) {
      Slot slot(whole_frame(d));
      const VirtioHeader header{.flags = 1,
                                .gso_type = 1,
                                .hdr_len = 0,
                                .gso_size = static_cast<uint16_t>(d.segment),
                                .csum_start = static_cast<uint16_t>(layout(d).transport),
                                .csum_offset = 16};
      CHECK(read_virtio_header(header, slot.frame));
      sw.route(*sw.port(1), {&slot.frame, 1}, 0);
      for (Port* port : sw.touched()) CHECK(!port->transmit(0));
      sw.touched().clear();
    });
    return bench.guest.look([&] { return std::exchange(bench.guest.received, {}); });
  };
  CHECK(send_whole() == wire_frames(d));
  bench.guest.command('o', kCompletesChecksums | kSegmentsTcp | kSegmentsUdp);
  until([&] { return bench.guest.times('c') == 1; });
  CHECK(send_whole() == std::vector<Bytes>{whole_frame(d)});
  bench.guest.command('o', kCompletesChecksums);
  until([&] { return bench.guest.times('c') == 2; });
  CHECK(send_whole() == wire_frames(d));
}

namespace {

// Wraps another endpoint and delays the frames that it receives.
class Delayed final : public Endpoint {
 public:
  Delayed(std::unique_ptr<Endpoint> inner, Time delay) : inner_(std::move(inner)), delay_(delay) {
    needs_exact_time_ = true;
    inner_->on_watches_changed = [this] { follow(); };
    follow();
    watch({.fd = timer_.number(), .frames = EPOLLIN});
  }
  ~Delayed() override { inner_->on_watches_changed = nullptr; }

  void count_in(Counters& counters) override {
    Endpoint::count_in(counters);
    inner_->count_in(counters);
  }
  int woken(int fd, uint32_t events, Time now) override {
    return fd == timer_.number() ? 0 : inner_->woken(fd, events, now);
  }
  Moved receive(std::span<Frame> frames, Time now) override {
    const auto [count, error, dropped] = inner_->receive(frames, now);
    for (const Frame& frame : frames.first(count)) waiting_.push_back({frame.copy(), now + delay_});
    uint32_t due = 0;
    for (; due < frames.size() && !waiting_.empty() && waiting_.front().due <= now; due++) {
      const Bytes& bytes = waiting_.front().bytes;
      std::ranges::copy(bytes, frames[due].data());
      frames[due].parts[0].iov_len = bytes.size();
      waiting_.pop_front();
    }
    set_timer(timer_, waiting_.empty() ? 0 : waiting_.front().due);
    return {due, due > 0 ? 0 : error, dropped};
  }
  Moved send(std::span<Frame* const> frames, Time now) override { return inner_->send(frames, now); }
  void recheck(Time now) override { inner_->recheck(now); }

 private:
  struct Waiting {
    Bytes bytes;
    Time due;
  };
  void follow() {
    for (const Watch& one : inner_->watches()) watch(one);
  }

  std::unique_ptr<Endpoint> inner_;
  Time delay_;
  Fd timer_ = timer_descriptor();
  std::deque<Waiting> waiting_;
};

}  // namespace

TEST("an endpoint that wraps another and delays its frames is paced and has a queue like any other") {
  Loop loop(100, [](const Event&) {});
  const Client client(loop, 1, 1);
  SocketPair pair;
  loop.call([](Switch& sw, int64_t) { sw.add_port(2); });
  auto delayed = std::make_unique<Delayed>(std::make_unique<Plain>(std::move(pair.ours)), 30 * kMillisecond);
  CHECK(loop.attach(2, 2, std::move(delayed), 16) == 0);
  const auto write_one = [&](uint32_t i) {
    const Bytes bytes = numbered(i);
    CHECK(::send(pair.theirs.number(), bytes.data(), bytes.size(), 0) == 100);
  };
  for (uint32_t i = 0; i < 5; i++) {
    const auto begun = std::chrono::steady_clock::now();
    write_one(i);
    CHECK(client.receive() == numbered(i));
    CHECK(std::chrono::steady_clock::now() - begun >= std::chrono::milliseconds(30));
  }
  std::thread writer([&] {
    for (uint32_t i = 0; i < 500; i++) write_one(i);
  });
  for (uint32_t i = 0; i < 500; i++) CHECK(client.receive() == numbered(i));
  writer.join();

  while (count(loop, 2, queue_frames) < 16) client.send(numbered(0));
  CHECK(sleeps(loop));
  Bytes bytes(100);
  for (uint64_t left = count(loop, 2, transmit_broadcast); left > 0; left--)
    CHECK(recv(pair.theirs.number(), bytes.data(), bytes.size(), 0) == 100);
  CHECK(count(loop, 2, queue_frames) == 0);
}
