// guestfwd to a socket of the host. libslirp can connect to a unix socket only, and waits while it does; so
// it connects to one of ours, which is accepted from in each turn of the loop, and never waits. Each of its
// connections becomes one to the target, bytes flow both ways, and each end's end is passed on.
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

  // "" or a sentence: then it cannot be used.
  [[nodiscard]] const std::string& failure() const { return failure_; }
  // What libslirp is to connect to.
  [[nodiscard]] const std::string& path() const { return path_; }

  void fill(std::vector<pollfd>& polled);
  void dispatch(const std::vector<pollfd>& polled);

 private:
  // One way between two sockets.
  struct Flow {
    int from, to;
    std::unique_ptr<char[]> bytes;
    size_t begin = 0, end = 0;
    bool ended = false;  // `from` has no more
    bool done = false;   // and `to` has been told

    [[nodiscard]] bool wants_input() const { return !ended && begin == end; }
    [[nodiscard]] bool has_output() const { return begin < end; }
    // false: the connection is broken.
    [[nodiscard]] bool move();
  };
  struct Connection {
    Fd guest, service;
    Flow up, down;
    bool connecting;
    size_t polled_at = 0;  // of the guest's; the service's is next; 0 where it is too new
  };

  void listen();
  void accept();
  // false: it is over.
  [[nodiscard]] static bool serve(Connection& connection, const std::vector<pollfd>& polled);

  sockaddr_storage target_{};
  socklen_t target_size_ = 0;
  std::string failure_;
  Fd listener_;
  Fd file_;  // the listener's, which has no name any more
  std::string path_;
  size_t polled_at_ = 0;
  std::list<Connection> connections_;
};

}  // namespace tsvde::slirp
