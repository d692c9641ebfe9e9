// Helpers for tests of the engine's thread.
#pragma once

#include <fcntl.h>
#include <sys/socket.h>

#include <chrono>
#include <thread>

#include "engine/endpoints/datagram.h"
#include "engine/loop.h"
#include "test/check.h"
#include "test/frames.h"

namespace tsvde::test {

// Two connected unix sockets: a non-blocking one for the engine, and one whose reads and writes time out.
struct SocketPair {
  explicit SocketPair(int type = SOCK_DGRAM) {
    int ends[2];
    CHECK(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends) == 0);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    ours = Fd(ends[0]);
    theirs = Fd(ends[1]);
    const timeval patience{.tv_sec = 10, .tv_usec = 0};
    setsockopt(theirs.number(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(theirs.number(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  }
  Fd ours;
  Fd theirs;
};

// The client's end of a data socket; the engine has the other end.
struct Client {
  Client(Loop& loop, uint32_t port, uint32_t id, uint32_t queue_limit = 16) {
    SocketPair pair;
    mine = std::move(pair.theirs);
    loop.call([&](Switch& sw, int64_t) { sw.add_port(port); });
    CHECK(loop.attach(port, id, std::make_unique<tsvde::Datagram>(std::move(pair.ours)), queue_limit) == 0);
  }

  void send(const Bytes& bytes) const {
    CHECK(::send(mine.number(), bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
  }

  [[nodiscard]] Bytes receive() const {
    static thread_local Bytes room(kFrameMax);
    const ssize_t size = recv(mine.number(), room.data(), room.size(), 0);
    return {room.begin(), room.begin() + std::max<ssize_t>(size, 0)};
  }

  Fd mine;
};

inline uint64_t count(Loop& loop, uint32_t port, Counter counter) {
  return loop.call([&](Switch& sw, int64_t) { return sw.port(port)->snapshot()[counter]; });
}

// Returns whether the engine's thread is nearly idle for 200 ms.
inline bool sleeps(Loop& loop) {
  const auto cpu_ms = [&] {
    return loop.call([](Switch&, int64_t) {
      timespec used{};
      clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
      return used.tv_sec * 1000 + used.tv_nsec / 1'000'000;
    });
  };
  const auto before = cpu_ms();
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  return cpu_ms() - before < 50;
}

}  // namespace tsvde::test
