// A switch that is killed in the middle of traffic between two guests, and started again, many times. The
// guests' rings stay in memory; the new switch reads where to go on from there, as with QEMU.
#include <sys/prctl.h>
#include <sys/wait.h>

#include <array>
#include <csignal>

#include "engine/endpoints/vhost_user.h"
#include "test/loops.h"
#include "test/vhost_driver.h"

namespace tsvde::test {
namespace {

// A switch in a process of its own, with a guest on each of its two ports.
class Killable {
 public:
  Killable() {
    std::array<SocketPair, 2> pairs{SocketPair(SOCK_STREAM), SocketPair(SOCK_STREAM)};
    pid_ = fork();
    if (pid_ == 0) run(pairs);
    for (size_t i = 0; i < pairs.size(); i++) ends[i] = std::move(pairs[i].theirs);
  }
  ~Killable() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  Killable(const Killable&) = delete;
  Killable& operator=(const Killable&) = delete;

  std::array<Fd, 2> ends;  // the front ends' ends

 private:
  [[noreturn]] static void run(std::array<SocketPair, 2>& pairs) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    Loop loop(100, [](const Event&) {});
    for (uint32_t port = 1; port <= 2; port++) {
      SocketPair& pair = pairs[port - 1];
      pair.theirs = Fd();
      loop.call([&](Switch& sw, int64_t) {
        sw.hub = true;
        sw.add_port(port);
      });
      (void)loop.attach(port, port, std::make_unique<VhostUser>(std::move(pair.ours), VhostUser::Options{}),
                        64);
    }
    for (;;) pause();
  }

  pid_t pid_ = -1;
};

constexpr uint32_t kFlight = 64;

// The number that a frame carries.
uint32_t number_in(const Octets& bytes) {
  uint32_t number = 0;
  std::memcpy(&number, &bytes[sizeof(NetHeader) + 14], sizeof number);
  return number;
}

// One guest sends numbered frames, and the other receives them.
struct Traffic {
  FrontEnd from{Fd()};
  FrontEnd to{Fd()};
  uint32_t sent = 0, used = 0, received = 0, newest = 0;

  Traffic() {
    for (uint32_t i = 0; i < 128; i++) to.post(i, 2000);
  }

  void connect(Killable& to_switch) {
    from.socket = std::move(to_switch.ends[0]);
    to.socket = std::move(to_switch.ends[1]);
    from.connect();
    to.connect();
  }

  // Sends and receives until `count` more frames have arrived, or for 10 s. Returns whether they have.
  bool run(uint32_t count) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    for (const uint32_t until = received + count; received < until;) {
      send();
      if (!receive()) std::this_thread::yield();
      if (std::chrono::steady_clock::now() > end) return false;
    }
    return true;
  }

  void send() {
    while (const auto entry = from.send.used()) CHECK(entry->head == used++ % kFlight);
    const uint16_t before = from.send.available;
    for (; sent - used < kFlight; sent++) {
      Octets frame = octets(60);
      std::fill_n(frame.begin(), 6, 0xff);
      frame[6] = 2;
      const uint32_t number = sent + 1;
      std::memcpy(&frame[14], &number, sizeof number);
      from.transmit(frame, sent % kFlight);
    }
    if (from.send.kick_is_due(before)) eventfd_write(from.send.kick.number(), 1);
  }

  // Returns whether a frame has arrived. Numbers may be missing but never repeat or go back.
  bool receive() {
    const uint32_t before = received;
    const uint16_t available = to.receive.available;
    while (const auto entry = to.receive.used()) {
      CHECK(entry->head == received % 128 && entry->written == 72);
      const uint32_t number = number_in(to.contents(entry->head, 72));
      CHECK(number > newest && number <= sent);
      newest = number;
      received++;
      to.receive.offer(entry->head);
    }
    if (to.receive.kick_is_due(available)) eventfd_write(to.receive.kick.number(), 1);
    return received > before;
  }
};

}  // namespace

TEST("vhost restart: frames flow again, in order, after each of 50 kills in the middle of traffic") {
  Traffic traffic;
  auto slowest = std::chrono::steady_clock::duration::zero();
  for (int life = 0; life <= 50; life++) {
    const auto start = std::chrono::steady_clock::now();
    Killable killable;
    traffic.connect(killable);
    CHECK(traffic.run(1));
    slowest = std::max(slowest, std::chrono::steady_clock::now() - start);
    CHECK(traffic.run(100 + random_below(2000)));
  }
  // Only frames that were inside the switch when it was killed are lost.
  CHECK(traffic.newest - traffic.received <= 51 * (kFlight + kBatch));
  CHECK(slowest < std::chrono::seconds(2));
}

}  // namespace tsvde::test
