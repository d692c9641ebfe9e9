// The relay's sockets and their poll(2) entries; see relay.h.
#include "slirp/relay.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace tsvde::slirp {
namespace {

constexpr size_t kRoom = 65536;
constexpr size_t kConnections = 512;  // the most at a time, with two descriptors each
// Reads an address such as "127.0.0.1 80" or "::1 80".
socklen_t inet_address(const std::string& text, sockaddr_storage& address) {
  const size_t space = text.find(' ');
  const std::string host = text.substr(0, space);
  const auto port = htons(static_cast<uint16_t>(std::atoi(text.c_str() + space + 1)));
  auto& v4 = reinterpret_cast<sockaddr_in&>(address);
  auto& v6 = reinterpret_cast<sockaddr_in6&>(address);
  if (inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = port;
    return sizeof v4;
  }
  inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr);
  v6.sin6_family = AF_INET6;
  v6.sin6_port = port;
  return sizeof v6;
}

}  // namespace

Relay::Relay(const GuestForward& forward) : target_size_(inet_address(forward.target, target_)) {}

Fd Relay::open() {
  if (connections_.size() == kConnections) return errno = EAGAIN, Fd();
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) return Fd();
  Fd theirs(ends[0]);
  Fd guest(ends[1]);
  Fd service(socket(target_.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  constexpr int kOn = 1;
  setsockopt(service.number(), IPPROTO_TCP, TCP_NODELAY, &kOn, sizeof kOn);
  const int result = connect(service.number(), reinterpret_cast<const sockaddr*>(&target_), target_size_);
  if (result < 0 && errno != EINPROGRESS) return Fd();
  Connection& connection = connections_.emplace_back();
  connection.up = {.from = guest.number(), .to = service.number(), .bytes = std::make_unique<char[]>(kRoom)};
  connection.down = {
      .from = service.number(), .to = guest.number(), .bytes = std::make_unique<char[]>(kRoom)};
  connection.guest = std::move(guest);
  connection.service = std::move(service);
  connection.connecting = result < 0;
  return theirs;
}

void Relay::fill(std::vector<pollfd>& polled) {
  for (Connection& connection : connections_) {
    connection.polled_at = polled.size();
    const auto events = [](bool in, bool out) {
      return static_cast<short>((in ? POLLIN : 0) | (out ? POLLOUT : 0));
    };
    const auto& [guest, service, up, down, connecting, at] = connection;
    // A socket for which no event is wanted is passed as -1, which poll(2) ignores: otherwise poll(2) would
    // report the end of that socket again and again.
    const short guest_events = events(up.wants_input() && !connecting, down.has_output());
    const short service_events = events(down.wants_input() && !connecting, up.has_output() || connecting);
    polled.push_back({guest_events != 0 ? guest.number() : -1, guest_events, 0});
    polled.push_back({service_events != 0 ? service.number() : -1, service_events, 0});
  }
}

void Relay::dispatch(const std::vector<pollfd>& polled) {
  connections_.remove_if([&](Connection& connection) { return !serve(connection, polled); });
}

bool Relay::serve(Connection& connection, const std::vector<pollfd>& polled) {
  if (connection.polled_at == kNotPolled) return true;
  const short guest = polled[connection.polled_at].revents;
  const short service = polled[connection.polled_at + 1].revents;
  if (connection.connecting) {
    if (service == 0) return true;
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(connection.service.number(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return false;
    connection.connecting = false;
  }
  if ((guest | service) == 0) return true;
  if (!connection.up.move() || !connection.down.move()) return false;
  return !(connection.up.done && connection.down.done);
}

bool Relay::Flow::move() {
  if (wants_input()) {
    const ssize_t size = recv(from, bytes.get(), kRoom, 0);
    if (size < 0 && errno != EAGAIN && errno != EINTR) return false;
    begin = 0;
    end = size > 0 ? static_cast<size_t>(size) : 0;
    ended = size == 0;
  }
  if (has_output()) {
    const ssize_t size = ::send(to, &bytes[begin], end - begin, MSG_NOSIGNAL);
    if (size < 0 && errno != EAGAIN && errno != EINTR) return false;
    if (size > 0) begin += static_cast<size_t>(size);
  }
  if (ended && !has_output() && !done) {
    shutdown(to, SHUT_WR);
    done = true;
  }
  return true;
}

}  // namespace tsvde::slirp
