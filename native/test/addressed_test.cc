#include "engine/endpoints/addressed.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/un.h>

#include <cstddef>
#include <fstream>
#include <string>

#include "test/loops.h"

using namespace tsvde;
using namespace tsvde::test;

namespace {

Address unix_address(const std::string& name) {
  Address address;
  auto& to = reinterpret_cast<sockaddr_un&>(address.bytes);
  to.sun_family = AF_UNIX;
  name.copy(to.sun_path, name.size());
  address.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
  return address;
}

Address abstract(const std::string& name) {
  using namespace std::string_literals;
  return unix_address("\0tsvde-test-"s + std::to_string(getpid()) + name);
}

const sockaddr* get(const Address& address) {
  return reinterpret_cast<const sockaddr*>(&address.bytes);
}

Fd bound(const Address& address) {
  Fd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  CHECK(bind(fd.number(), get(address), address.size) == 0);
  return fd;
}

void send_to(const Fd& from, const Address& to, const Bytes& bytes) {
  while (sendto(from.number(), bytes.data(), bytes.size(), 0, get(to), to.size) < 0) {
    CHECK(errno == EAGAIN);
    if (errno != EAGAIN) return;
    std::this_thread::yield();
  }
}

Bytes receive(const Fd& fd) {
  Bytes bytes(kFrameMax);
  ssize_t size = -1;
  for (int tries = 0; tries < 1'000'000 && size < 0; tries++) {
    size = recv(fd.number(), bytes.data(), bytes.size(), 0);
    if (size < 0) std::this_thread::yield();
  }
  bytes.resize(size < 0 ? 0 : static_cast<size_t>(size));
  return bytes;
}

// While this object exists, the queue of each socket that is made holds at most 10 datagrams. systemd sets
// net.unix.max_dgram_qlen to 512, and then our own send buffer always fills up first. In that case this
// thread, and the threads that it starts, are moved to a network namespace of their own, where the limit
// is 10.
class ShortQueues {
 public:
  ShortQueues() {
    if (are_short()) return;
    before_ = Fd(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    if (unshare(CLONE_NEWNET) != 0 || !are_short())
      skip("net.unix.max_dgram_qlen is more than 10, which only root can help");
  }
  ShortQueues(const ShortQueues&) = delete;
  ShortQueues& operator=(const ShortQueues&) = delete;
  ~ShortQueues() {
    if (before_.number() >= 0) CHECK(setns(before_.number(), CLONE_NEWNET) == 0);
  }

 private:
  static bool are_short() {
    int most = 0;
    std::ifstream("/proc/sys/net/unix/max_dgram_qlen") >> most;
    return most <= 10;
  }
  Fd before_;
};

// A switch with two ports: port 1 for the peer under test, and port 2 for the peer `reader`.
struct PeerBench {
  explicit PeerBench(const Address& theirs = abstract("theirs"))
      : theirs(theirs), loop(100, [](const Event&) {}) {
    loop.call([](Switch& sw, int64_t) {
      sw.hub = true;
      sw.add_port(1);
      sw.add_port(2);
    });
    CHECK(loop.attach(1, 1, std::make_unique<Peer>(bound(own), theirs), 16) == 0);
    CHECK(loop.attach(2, 2, std::make_unique<Peer>(bound(abstract("plain")), abstract("reader")), 16) == 0);
  }
  uint64_t count(uint32_t port, Counter counter) { return test::count(loop, port, counter); }
  Address own = abstract("own");
  Address theirs;
  Fd reader = bound(abstract("reader"));
  Loop loop;
};

}  // namespace

TEST("frames of the peer are forwarded in order; frames of strangers between them are dropped and counted") {
  PeerBench bench;
  const Fd peer = bound(bench.theirs);
  const Fd stranger = bound(abstract("stranger"));
  const Fd nameless(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  uint64_t strangers = 0;
  for (uint32_t i = 0; i < 500; i++) {
    if (random_below(2) == 0) {
      send_to(random_below(2) == 0 ? stranger : nameless, bench.own, frame_bytes(kBroadcast, kB, 40 + i));
      strangers++;
    }
    send_to(peer, bench.own, frame_bytes(kBroadcast, kA, 60 + i, static_cast<uint8_t>(i)));
    CHECK(receive(bench.reader) == frame_bytes(kBroadcast, kA, 60 + i, static_cast<uint8_t>(i)));
  }
  while (bench.count(1, receive_drop_stranger) < strangers) std::this_thread::yield();
  CHECK(bench.count(1, receive_drop_stranger) == strangers);
  CHECK(bench.count(1, receive_broadcast) == 500);
}

TEST("dropped frames of strangers count towards the size of the next batch") {
  PeerBench bench;
  const Fd peer = bound(bench.theirs);
  const Fd stranger = bound(abstract("stranger"));
  // The frames are sent while a task keeps the thread busy, so they are received in batches of 1, 2 and 3.
  bench.loop.call([&](Switch&, int64_t) {
    for (int i = 0; i < 1 + 2 + 3; i++)
      send_to(i % 2 == 0 ? peer : stranger, bench.own, frame_bytes(kBroadcast, kA));
  });
  while (bench.count(1, receive_drop_stranger) < 3) std::this_thread::yield();
  bench.loop.call([](Switch& sw, int64_t) { CHECK(sw.port(1)->attachments[0]->service.batch == 4); });
}

TEST("frames wait for a peer that does not read, are dropped when it closes, and flow when it restarts") {
  PeerBench bench;
  // Port 2 accepts only frames from its peer, `reader`.
  const auto send = [&](uint32_t i) {
    send_to(bench.reader, abstract("plain"), frame_bytes(kBroadcast, kB, 100, static_cast<uint8_t>(i)));
  };
  uint32_t sent = 0;
  for (; sent < 5; sent++) send(sent);  // there is no peer yet
  while (bench.count(1, transmit_drop_peer_gone) < 5) std::this_thread::yield();
  {
    const Fd peer = bound(bench.theirs);
    for (uint32_t i = 0; bench.count(1, transmit_drop_queue_full) == 0; i++) send(i);
    for (uint32_t i = 0; i < 20; i++)
      CHECK(receive(peer) == frame_bytes(kBroadcast, kB, 100, static_cast<uint8_t>(i)));
    for (uint32_t i = 0; i < 60; i++) send(i);
    while (bench.count(1, queue_frames) == 0) std::this_thread::yield();
  }
  while (bench.count(1, queue_frames) > 0) std::this_thread::yield();  // dropped, since the peer is gone
  const Fd again = bound(bench.theirs);
  send(77);
  CHECK(receive(again) == frame_bytes(kBroadcast, kB, 100, 77));
}

TEST("a peer that restarts while its old socket stays open and unread gets frames within 5 seconds") {
  const ShortQueues queues;
  for (const bool is_connected : {false, true}) {
    const std::string path = "/tmp/tsvde-test-" + std::to_string(getpid());
    PeerBench bench(unix_address(path + '\0'));
    const auto send = [&] { send_to(bench.reader, abstract("plain"), frame_bytes(kBroadcast, kB)); };
    const Fd old = bound(bench.theirs);
    while (bench.count(1, queue_frames) == 0) send();
    unlink(path.c_str());
    const Fd again = bound(bench.theirs);
    // While the peer's socket is connected to the switch's, no other socket may connect to the peer's.
    if (is_connected) CHECK(connect(again.number(), get(bench.own), bench.own.size) == 0);
    Bytes bytes(100);
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    ssize_t size = -1;
    while (size < 0 && std::chrono::steady_clock::now() < end) {
      send();
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      size = recv(again.number(), bytes.data(), bytes.size(), 0);
    }
    CHECK(size == 60);
    unlink(path.c_str());
  }
}

// Either the peer's queue fills up first, or our own send buffer: the kernel does not limit how many of our
// datagrams a connected peer queues.
TEST("the watched descriptor is writable only once the full queue or send buffer has room again") {
  const auto has_room = [](const Endpoint& endpoint) {
    const auto watch =
        std::ranges::find_if(endpoint.watches(), [](const Watch& one) { return one.room != 0; });
    pollfd one{.fd = watch->fd, .events = POLLOUT, .revents = 0};
    return poll(&one, 1, 0) == 1;
  };
  for (const uint32_t size : {60u, 3000u, 60'000u}) {
    for (const bool is_connected : {false, true}) {
      const Address own = abstract("own");
      const Fd peer = bound(abstract("theirs"));
      Peer endpoint(bound(own), abstract("theirs"));
      if (is_connected) CHECK(connect(peer.number(), get(own), own.size) == 0);
      Slot slot(frame_bytes(kBroadcast, kB, size));
      std::array<Frame*, 1> frames{&slot.frame};
      Moved moved{1, 0};
      while (moved.frames == 1) moved = endpoint.send(frames, 0);
      CHECK(moved.error == EAGAIN);
      CHECK(!has_room(endpoint));
      Bytes read(size);
      while (recv(peer.number(), read.data(), size, 0) > 0) continue;
      CHECK(has_room(endpoint));
      CHECK(endpoint.send(frames, 0).frames == 1);
    }
  }
}

TEST("frames wait for a peer in order, whether its queue or our own buffer is full") {
  for (const auto& [first, then] : {std::pair{60u, 60'000u}, {60'000u, 60u}}) {
    PeerBench bench;
    const Fd peer = bound(bench.theirs);
    uint32_t sent = 0;
    const auto mark = [](uint32_t i, uint32_t size) {
      return frame_bytes(kBroadcast, kB, size, static_cast<uint8_t>(i));
    };
    const auto send = [&](uint32_t size) {
      send_to(bench.reader, abstract("plain"), mark(sent, size));
      while (bench.count(1, transmit_broadcast) <= sent) std::this_thread::yield();
      sent++;
    };
    while (bench.count(1, queue_frames) == 0) send(first);
    const uint32_t of_first = sent;
    for (int i = 0; i < 3; i++) send(then);
    CHECK(sleeps(bench.loop));
    for (uint32_t i = 0; i < sent; i++) CHECK(receive(peer) == mark(i, i < of_first ? first : then));
  }
}

TEST("the thread sleeps if our own buffer was full at first and the peer's queue is full afterwards") {
  const ShortQueues queues;
  PeerBench bench;
  const Fd peer = bound(bench.theirs);
  const auto send = [&](uint32_t size) {
    const uint64_t sent = bench.count(1, transmit_broadcast);
    send_to(bench.reader, abstract("plain"), frame_bytes(kBroadcast, kB, size));
    while (bench.count(1, transmit_broadcast) == sent) std::this_thread::yield();
  };
  uint32_t large = 0;
  for (; bench.count(1, queue_frames) == 0; large++) send(60'000);
  for (int i = 0; i < 14; i++) send(60);
  for (uint32_t i = 0; i < large; i++) {
    CHECK(receive(peer).size() == 60'000);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  CHECK(bench.count(1, queue_frames) > 0);
  CHECK(sleeps(bench.loop));
}

TEST("addresses are compared by what they name, not by their padding") {
  const auto internet = [](const char* text, uint16_t port, uint8_t filling) {
    Address address;
    auto& to = reinterpret_cast<sockaddr_in&>(address.bytes);
    std::memset(&to, filling, sizeof to);
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    inet_pton(AF_INET, text, &to.sin_addr);
    address.size = sizeof to;
    return address;
  };
  const Address one = internet("127.0.0.1", 7, 0);
  const auto is = [&](const Address& other) { return one.is(other.bytes, other.size); };
  CHECK(is(internet("127.0.0.1", 7, 9)));
  CHECK(!is(internet("127.0.0.1", 8, 0)));
  CHECK(!is(internet("127.0.0.2", 7, 0)));
  CHECK(!is(abstract("one")));
  CHECK(abstract("one").is(abstract("one").bytes, abstract("one").size));
  CHECK(!abstract("one").is(abstract("ones").bytes, abstract("ones").size));
}
