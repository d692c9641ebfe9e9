// Implements guestfwd to a TCP service. libslirp can connect only to unix sockets, and its connect(2) blocks.
// So libslirp gets one end of a pair of unix sockets. For each pair the relay connects to the target, copies
// bytes in both directions, and shuts down each direction when its source ends.
#pragma once

#include <poll.h>
#include <sys/socket.h>

#include <cstdint>
#include <list>
#include <memory>
#include <vector>

#include "engine/fd.h"
#include "slirp/config.h"

namespace tsvde::slirp {

class Relay {
 public:
  explicit Relay(const GuestForward& forward);
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  // Returns the guest's end of a new connection, or an invalid descriptor with errno.
  [[nodiscard]] Fd open();

  void fill(std::vector<pollfd>& polled);
  void dispatch(const std::vector<pollfd>& polled);

 private:
  // One direction of a connection.
  struct Flow {
    int from, to;
    std::unique_ptr<char[]> bytes;
    size_t begin = 0, end = 0;
    bool ended = false;  // `from` has reached the end of its stream
    bool done = false;   // `to` has been shut down for writing

    [[nodiscard]] bool wants_input() const { return !ended && begin == end; }
    [[nodiscard]] bool has_output() const { return begin < end; }
    // Copies as much as possible. Returns false if the connection is broken.
    [[nodiscard]] bool move();
  };
  static constexpr size_t kNotPolled = SIZE_MAX;
  struct Connection {
    Fd guest, service;
    Flow up, down;
    bool connecting;
    // The index of the guest's pollfd, before the service's; kNotPolled before the first fill().
    size_t polled_at = kNotPolled;
  };

  // Returns false if the connection has ended.
  [[nodiscard]] static bool serve(Connection& connection, const std::vector<pollfd>& polled);

  sockaddr_storage target_{};
  socklen_t target_size_ = 0;
  std::list<Connection> connections_;
};

}  // namespace tsvde::slirp
