// Helpers for tests of guests that are connected to the engine by vhost-user.
#pragma once

#include <poll.h>

#include <condition_variable>
#include <mutex>

#include "engine/endpoints/vhost_user.h"
#include "engine/loop.h"
#include "test/loops.h"
#include "test/vhost_driver.h"

namespace tsvde::test {

inline bool wait_for(const Fd& eventfd) {
  pollfd polled{eventfd.number(), POLLIN, 0};
  return poll(&polled, 1, 10'000) == 1;
}

struct Ended {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::pair<uint32_t, int>> ports;

  Loop::EventSink sink() {
    return [this](Event event) {
      if (event.kind != Event::Kind::endpoint_ended) return;
      const std::lock_guard lock(mutex);
      ports.emplace_back(event.port, event.error);
      changed.notify_all();
    };
  }
  // Waits for the end of a port and returns its error.
  int of(uint32_t port) {
    std::unique_lock lock(mutex);
    int error = 0;
    const auto found = [&] {
      for (const auto& [number, why] : ports) {
        if (number == port) error = why;
      }
      return error != 0;
    };
    CHECK(changed.wait_for(lock, std::chrono::seconds(10), found));
    return error;
  }
};

// A guest with a port of its own.
struct Guest : FrontEnd {
  Guest(Loop& loop, uint32_t port, SocketPair pair = SocketPair(SOCK_STREAM))
      : FrontEnd(std::move(pair.theirs)) {
    loop.call([&](Switch& sw, int64_t) { sw.add_port(port); });
    auto endpoint = std::make_unique<VhostUser>(std::move(pair.ours), VhostUser::Options{});
    CHECK(loop.attach(port, port, std::move(endpoint), 64) == 0);
  }

  void kick() const { eventfd_write(send.kick.number(), 1); }
  // Waits for the next frame in a buffer of post() and returns it, with its header.
  Octets receive_frame() {
    for (;;) {
      if (const auto used = receive.used()) return contents(used->head, used->written);
      receive.set_interrupt_threshold(receive.seen);
      if (receive.used_index() != receive.seen) continue;
      if (!wait_for(receive.call)) return {};
      signals(receive.call);
    }
  }
};

inline Octets frame_to(uint8_t to, uint8_t from, uint32_t size = 60) {
  Octets frame = octets(size);
  const uint8_t header[14] = {2, 0, 0, 0, 0, to, 2, 0, 0, 0, 0, from, 0x88, 0xb5};
  std::ranges::copy(header, frame.begin());
  return frame;
}

}  // namespace tsvde::test
