// guestfwd to a socket of the host. libslirp can only connect to a unix socket, and blocks while it does; so
// it connects to a listener of ours, which accepts in every turn of the loop. For each connection the relay
// opens one to the target, copies bytes both ways, and passes each end of stream on.
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

  // Returns "", or a sentence if the relay cannot be used.
  [[nodiscard]] const std::string& failure() const { return failure_; }
  // The path that libslirp connects to.
  [[nodiscard]] const std::string& path() const { return path_; }

  void fill(std::vector<pollfd>& polled);
  void dispatch(const std::vector<pollfd>& polled);

 private:
  // One direction between two sockets.
  struct Flow {
    int from, to;
    std::unique_ptr<char[]> bytes;
    size_t begin = 0, end = 0;
    bool ended = false;  // `from` has reached its end
    bool done = false;   // `to` has been shut down for writing

    [[nodiscard]] bool wants_input() const { return !ended && begin == end; }
    [[nodiscard]] bool has_output() const { return begin < end; }
    // Copies what it can. Returns false if the connection is broken.
    [[nodiscard]] bool move();
  };
  struct Connection {
    Fd guest, service;
    Flow up, down;
    bool connecting;
    size_t polled_at = 0;  // index of the guest's entry, before the service's; 0: not polled yet
  };

  void listen();
  void accept();
  // Returns false once the connection has ended.
  [[nodiscard]] static bool serve(Connection& connection, const std::vector<pollfd>& polled);

  sockaddr_storage target_{};
  socklen_t target_size_ = 0;
  std::string failure_;
  Fd listener_;
  Fd file_;  // the listener's file, which has no name any more
  std::string path_;
  size_t polled_at_ = 0;
  std::list<Connection> connections_;
};

}  // namespace tsvde::slirp
