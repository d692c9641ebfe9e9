// Implements guestfwd to a socket of the host. libslirp can connect only to unix sockets, and its connect(2)
// blocks. So libslirp connects to our listener, which accepts connections in every turn of the loop. For each
// of these connections the relay connects to the target, copies bytes in both directions, and shuts down each
// direction when its source ends.
#pragma once

#include <poll.h>

#include <list>
#include <memory>
#include <string>
#include <vector>

#include "engine/fd.h"
#include "slirp/config.h"

namespace tsvde::slirp {

class Relay {
 public:
  explicit Relay(const GuestForward& forward);
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  // Returns "", or a sentence that says why the relay cannot be used.
  [[nodiscard]] const std::string& failure() const { return failure_; }
  // The path of the socket that libslirp connects to.
  [[nodiscard]] const std::string& path() const { return path_; }

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
  struct Connection {
    Fd guest, service;
    Flow up, down;
    bool connecting;
    size_t polled_at = 0;  // index of the guest's pollfd; the service's is the next one; 0 if not polled yet
  };

  void listen();
  void accept();
  // Returns false if the connection has ended.
  [[nodiscard]] static bool serve(Connection& connection, const std::vector<pollfd>& polled);

  sockaddr_storage target_{};
  socklen_t target_size_ = 0;
  std::string failure_;
  Fd listener_;
  Fd file_;  // the listener's file, which no longer has a name
  std::string path_;
  std::list<Connection> connections_;
};

}  // namespace tsvde::slirp
