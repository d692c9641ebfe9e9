// The relay of guestfwd: the guest and the service write, read, end and vanish in any order, and each gets
// what the other wrote, in order.
#include "slirp/relay.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <deque>
#include <string>

#include "fuzz/target.h"

using namespace tsvde;
using namespace tsvde::fuzz;
using slirp::GuestForward;
using slirp::Relay;

namespace {

// The service's socket, which listens while the process lives.
class Listener {
 public:
  Listener() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    require(bind(fd_.number(), any, size) == 0 && listen(fd_.number(), 64) == 0, "a listening socket");
    getsockname(fd_.number(), any, &size);
    port_ = ntohs(address.sin_port);
  }
  [[nodiscard]] Fd accept() const {
    pollfd ready{fd_.number(), POLLIN, 0};
    require(poll(&ready, 1, 5000) == 1, "the relay connects to the service");
    return Fd(accept4(fd_.number(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  }
  [[nodiscard]] std::string target() const { return "127.0.0.1 " + std::to_string(port_); }

 private:
  Fd fd_{socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  uint16_t port_ = 0;
};

uint8_t byte_at(uint64_t offset) {
  return static_cast<uint8_t>(offset * 7 + offset / 256);
}

// One end of a connection, with what it has written and read.
struct End {
  Fd socket;
  uint64_t written = 0;
  uint64_t read = 0;
  bool finished = false;  // it writes no more
  bool saw_end = false;

  void write(size_t size) {
    if (socket.number() < 0 || finished) return;
    std::vector<uint8_t> bytes(size);
    for (size_t i = 0; i < size; i++) bytes[i] = byte_at(written + i);
    const ssize_t taken = ::send(socket.number(), bytes.data(), size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (taken > 0) written += static_cast<uint64_t>(taken);
  }

  // Returns whether anything came.
  bool read_from(const End& other, size_t most) {
    if (socket.number() < 0 || saw_end) return false;
    std::vector<uint8_t> bytes(most);
    const ssize_t size = recv(socket.number(), bytes.data(), most, MSG_DONTWAIT);
    if (size == 0 && most > 0) {
      saw_end = true;
      return true;
    }
    for (ssize_t i = 0; i < size; i++)
      require(bytes[static_cast<size_t>(i)] == byte_at(read++), "the bytes arrive in order");
    require(read <= other.written, "no byte is made up");
    return size > 0;
  }

  // Reads until the other end has finished.
  void read_rest(const End& other) {
    pollfd ready{socket.number(), POLLIN, 0};
    while (socket.number() >= 0 && poll(&ready, 1, 1000) == 1 && read_from(other, 65536)) continue;
  }

  void finish() {
    if (socket.number() >= 0 && !finished) shutdown(socket.number(), SHUT_WR);
    finished = true;
  }
};

struct Connection {
  End guest, service;
  bool broken = false;  // an end was closed, so that bytes may be lost
};

class World {
 public:
  explicit World(Input& input)
      : input_(input), relay_({GuestForward::Kind::tcp, {}, 80, listener().target()}) {
    open();
  }

  void step() {
    const uint8_t what = input_.byte();
    Connection& connection = connections_[what / 16u % connections_.size()];
    End& from = (what & 8) != 0 ? connection.service : connection.guest;
    End& other = (what & 8) != 0 ? connection.guest : connection.service;
    switch (what % 8) {
      case 0:
        if (connections_.size() < 4 && input_.one_in(4)) open();
        break;
      case 1:
        from.write(input_.byte());
        break;
      case 2:
        from.write(input_.next<uint16_t>());
        break;
      case 3:
        from.read_from(other, input_.next<uint16_t>());
        break;
      case 4:
        if (input_.one_in(4)) from.finish();
        break;
      case 5:
        if (input_.one_in(16)) {
          from.socket = Fd();
          connection.broken = true;
        }
        break;
      default:
        turn(0);
    }
  }

  // All ends finish and read everything.
  void end() {
    for (Connection& connection : connections_) {
      connection.guest.finish();
      connection.service.finish();
    }
    size_t polled = 1;
    for (int patience = 2000; patience > 0 && polled > 0; patience--) {
      bool moved = false;
      for (auto& [guest, service, _] : connections_) {
        moved |= guest.read_from(service, 65536);
        moved |= service.read_from(guest, 65536);
      }
      polled = turn(moved ? 0 : 1);
    }
    require(polled == 0, "the relay forgets connections whose ends have finished");
    for (auto& [guest, service, broken] : connections_) {
      guest.read_rest(service);
      service.read_rest(guest);
      if (broken) continue;
      require(guest.read == service.written && service.read == guest.written, "every byte arrives");
      require(guest.saw_end && service.saw_end, "each end learns that the other has finished");
    }
  }

 private:
  static const Listener& listener() {
    static const Listener listener;
    return listener;
  }

  void open() {
    Fd guest = relay_.open();
    require(guest.number() >= 0, "a connection is opened");
    connections_.push_back(
        {.guest = {.socket = std::move(guest)}, .service = {.socket = listener().accept()}});
  }

  // One turn of the loop. Returns the number of descriptors that were polled.
  size_t turn(int patience_ms) {
    std::vector<pollfd> polled;
    relay_.fill(polled);
    poll(polled.data(), polled.size(), patience_ms);
    relay_.dispatch(polled);
    return polled.size();
  }

  Input& input_;
  Relay relay_;
  std::deque<Connection> connections_;
};

}  // namespace

FUZZ_TARGET(relay) {
  World world(input);
  while (!input.empty()) world.step();
  world.end();
}
