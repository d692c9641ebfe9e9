// Parses commands and writes answers as lines of text; see control.h.
#include "slirp/control.h"

#include <arpa/inet.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <utility>
#include <vector>

namespace tsvde::slirp {
namespace {

// Returns the port of an Internet address; 0 for a unix socket, or if the port is 0.
uint16_t port_of(const sockaddr_storage& address) {
  sockaddr_in inet{};  // an IPv6 address has its port at the same offset
  if (address.ss_family == AF_INET || address.ss_family == AF_INET6)
    std::memcpy(&inet, &address, sizeof inet);
  return ntohs(inet.sin_port);
}

std::string next_word(std::string_view& line) {
  const size_t space = line.find(' ');
  std::string word(line.substr(0, space));
  line.remove_prefix(space == std::string_view::npos ? line.size() : space + 1);
  return word;
}

// Reads "10.0.2.15 22", "fec0::15 22", or "unix" and a path that extends to the end of the line.
bool next_address(std::string_view& line, sockaddr_storage& address) {
  const std::string host = next_word(line);
  address = {};
  if (host == "unix") {
    auto& local = reinterpret_cast<sockaddr_un&>(address);
    local.sun_family = AF_UNIX;
    if (line.empty() || line.size() >= sizeof local.sun_path) return false;
    line.copy(local.sun_path, line.size());
    line = {};
    return true;
  }
  uint16_t port = 0;
  const std::string number = next_word(line);
  if (std::from_chars(number.data(), number.data() + number.size(), port).ec != std::errc{}) return false;
  auto& v4 = reinterpret_cast<sockaddr_in&>(address);
  auto& v6 = reinterpret_cast<sockaddr_in6&>(address);
  if (inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    return true;
  }
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  return inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr) == 1;
}

// Counts the rows of libslirp's table, except its heading and forwards that only listen.
size_t count_connections(std::string_view table) {
  size_t count = 0;
  bool heading = true;
  while (!table.empty()) {
    const size_t end = table.find('\n');
    const std::string_view row = table.substr(0, end);
    if (!heading && !row.empty() && row.find("HOST_FORWARD") == std::string_view::npos) count++;
    heading = false;
    table.remove_prefix(end == std::string_view::npos ? table.size() : end + 1);
  }
  return count;
}

int64_t now_ms() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * int64_t{1000} + time.tv_nsec / 1'000'000;
}

int reclaim(Stack& stack, std::string_view line) {
  const bool gone = next_word(line) == "gone";
  std::vector<Mac> guests;
  while (!line.empty())
    if (!read_mac(next_word(line), guests.emplace_back())) return EINVAL;
  if (gone && guests.size() != 1) return EINVAL;
  if (gone) {
    stack.lease_server().reclaim(guests[0], now_ms());
  } else {
    stack.lease_server().probe(std::move(guests), now_ms());
  }
  return 0;
}

int lease(Stack& stack, std::string_view line) {
  Mac guest;
  in_addr address{};
  if (!read_mac(next_word(line), guest) || inet_pton(AF_INET, next_word(line).c_str(), &address) != 1)
    return EINVAL;
  stack.lease_server().leases().use(guest, address, now_ms());
  return 0;
}

}  // namespace

bool Control::read(Stack& stack) {
  char bytes[4096];
  const ssize_t size = ::read(in_, bytes, sizeof bytes);
  if (size < 0) return errno == EAGAIN || errno == EINTR;
  if (size == 0) return false;
  unread_.append(bytes, static_cast<size_t>(size));
  for (size_t end; (end = unread_.find('\n')) != std::string::npos; unread_.erase(0, end + 1))
    execute(stack, std::string_view(unread_).substr(0, end));
  return true;
}

// Executes one command:
// `add PROTOCOL GUEST PORT HOST PORT`, `add PROTOCOL GUEST PORT unix PATH`, `remove PROTOCOL HOST PORT`,
// where PROTOCOL is `tcp` or `udp`; `info`;
// `reclaim gone MAC` or `reclaim quiet MAC …`, which replies to the question `full MAC …`;
// `lease MAC ADDRESS`, which names a guest that an earlier stack has served.
// The answer is `done ERRNO PORT`, where PORT is the host's port of a forward or 0, or `text SIZE` followed
// by the text.
void Control::execute(Stack& stack, std::string_view line) const {
  const std::string verb = next_word(line);
  if (verb == "info") {
    const std::string table = stack.connections();
    return write_all("text " + std::to_string(table.size()) + "\n" + table);
  }
  if (verb == "reclaim" || verb == "lease") {
    const int error = verb == "reclaim" ? reclaim(stack, line) : lease(stack, line);
    return write_all("done " + std::to_string(error) + " 0\n");
  }
  const bool udp = next_word(line) == "udp";
  sockaddr_storage guest{};
  sockaddr_storage host{};
  int error = EINVAL;
  if (verb == "add" && next_address(line, guest) && next_address(line, host)) {
    error = stack.add_host_forward(host, guest, udp);
  } else if (verb == "remove" && next_address(line, host)) {
    error = stack.remove_host_forward(host, udp);
  }
  write_all("done " + std::to_string(error) + " " + std::to_string(port_of(host)) + "\n");
}

void Control::report(Stack& stack) {
  for (const std::string& line : stack.take_lines()) write_all(line + "\n");
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC_COARSE, &time);
  if (time.tv_sec == reported_at_) return;
  reported_at_ = time.tv_sec;
  const Drops& drops = stack.drops();
  std::string now = "stats " + std::to_string(count_connections(stack.connections()));
  for (const uint64_t value :
       {drops.too_short, drops.too_long, drops.not_for_us, drops.fragments, drops.not_taken,
        uint64_t{stack.lease_server().leases().leased().size()}, stack.lease_server().refused()})
    now += " " + std::to_string(value);
  now += "\n";
  if (now == reported_) return;
  reported_ = now;
  write_all(now);
}

// Writes the whole text, and waits for room if the reader is slow. If the reader is gone, the text is lost,
// and read() notices the end of the input.
void Control::write_all(std::string_view text) const {
  while (!text.empty()) {
    const ssize_t size = write(out_, text.data(), text.size());
    if (size > 0) {
      text.remove_prefix(static_cast<size_t>(size));
    } else if (errno == EAGAIN) {
      pollfd room{.fd = out_, .events = POLLOUT, .revents = 0};
      poll(&room, 1, 1000);
    } else if (errno != EINTR) {
      return;
    }
  }
}

}  // namespace tsvde::slirp
