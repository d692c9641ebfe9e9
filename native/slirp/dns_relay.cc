// Reads resolv.conf(5), and forwards queries and answers; see dns_relay.h.
#include "slirp/dns_relay.h"

#include <arpa/inet.h>
#include <net/if.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>

namespace tsvde::slirp {
namespace {

constexpr uint16_t kPort = 53;
constexpr size_t kHeader = 12;
constexpr size_t kMessageMax = 65535;

// Reads an address such as "fd00::1" or "fe80::1%eth0".
bool read_server(const std::string& text, sockaddr_in6& server) {
  const size_t percent = text.find('%');
  server = {};
  server.sin6_port = htons(kPort);
  if (inet_pton(AF_INET6, text.substr(0, percent).c_str(), &server.sin6_addr) != 1) return false;
  if (percent != std::string::npos) server.sin6_scope_id = if_nametoindex(text.c_str() + percent + 1);
  server.sin6_family = AF_INET6;
  return true;
}

// Returns an answer without its records, marked as truncated (RFC 1035, 4.1.1): only its header and its
// question.
std::vector<uint8_t> truncated(std::span<const uint8_t> message) {
  size_t end = kHeader;
  while (end < message.size() && message[end] != 0) end += size_t{1} + message[end];
  end = std::min(end + 5, message.size());
  std::vector<uint8_t> result(message.begin(), message.begin() + static_cast<ptrdiff_t>(end));
  constexpr uint8_t kTruncated = 2;
  result[2] |= kTruncated;
  std::fill_n(&result[6], 6, uint8_t{0});  // no answers, authorities or additional records
  return result;
}

}  // namespace

DnsRelay::DnsRelay(const Config& config, Parts parts, std::string resolver_file)
    : config_(config),
      parts_(std::move(parts)),
      resolver_file_(std::move(resolver_file)),
      active_(config.ipv4 && !config.restricted &&
              (config.dns.s_addr & config.mask.s_addr) == config.net.s_addr) {}

bool DnsRelay::receive(std::span<const uint8_t> frame, int64_t now_ms) {
  if (!active_ || udp_port(frame) != kPort || std::memcmp(&frame[kEthernetHeader + 16], &config_.dns, 4) != 0)
    return false;
  read_resolver_file(now_ms);
  if (has_ipv4_) return false;
  const std::string own = text_of(config_.dns);
  if (server_.sin6_family != AF_INET6) {
    if (!std::exchange(warned_, true))
      parts_.warn("the host has no name server in " + resolver_file_ + ": guests' queries to " + own +
                  " go unanswered until one is added");
    return false;
  }
  if (!std::exchange(warned_, true))
    parts_.warn(
        "the host has only IPv6 name servers: guests' UDP queries to " + own +
        " are relayed to the first one, and TCP queries are not answered; add an IPv4 name server to " +
        resolver_file_);
  Datagram query{};
  if (!read_datagram(frame, query) || query.payload.size() < kHeader) return true;
  Fd socket(::socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (connect(socket.number(), reinterpret_cast<const sockaddr*>(&server_), sizeof server_) != 0 ||
      ::send(socket.number(), query.payload.data(), query.payload.size(), MSG_NOSIGNAL) < 0)
    return true;
  if (queries_.size() == kQueries) queries_.erase(queries_.begin());
  Query& known = queries_.emplace_back();
  known.socket = std::move(socket);
  std::ranges::copy(frame.subspan(6, 6), known.guest.begin());
  known.source = query.source;
  known.port = query.source_port;
  known.until_ms = now_ms + kTimeoutMs;
  return true;
}

void DnsRelay::fill(std::vector<pollfd>& polled) {
  for (Query& query : queries_) {
    query.polled_at = polled.size();
    polled.push_back({.fd = query.socket.number(), .events = POLLIN, .revents = 0});
  }
}

void DnsRelay::dispatch(const std::vector<pollfd>& polled, int64_t now_ms) {
  std::erase_if(queries_, [&](const Query& query) {
    if (query.polled_at == 0 || polled[query.polled_at].revents == 0) return now_ms >= query.until_ms;
    std::vector<uint8_t> message(kMessageMax);
    const ssize_t size = recv(query.socket.number(), message.data(), message.size(), MSG_DONTWAIT);
    if (size >= static_cast<ssize_t>(kHeader))
      answer(query, std::span(message).first(static_cast<size_t>(size)));
    return true;
  });
}

// Reads the resolver file, unless it was read less than a second ago. libslirp also reads the file again
// after a while.
void DnsRelay::read_resolver_file(int64_t now_ms) {
  constexpr int64_t kAgeMs = 1000;
  if (read_at_ms_ != 0 && now_ms - read_at_ms_ < kAgeMs) return;
  read_at_ms_ = now_ms;
  has_ipv4_ = false;
  server_ = {};
  std::ifstream file(resolver_file_);
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string word;
    std::string address;
    words >> word >> address;
    in_addr ipv4{};
    if (word != "nameserver") continue;
    if (inet_pton(AF_INET, address.c_str(), &ipv4) == 1) has_ipv4_ = true;
    sockaddr_in6 server{};
    if (server_.sin6_family != AF_INET6 && read_server(address, server)) server_ = server;
  }
}

void DnsRelay::answer(const Query& query, std::span<const uint8_t> message) const {
  std::vector<uint8_t> cut;
  if (kPayload + message.size() > kEthernetHeader + config_.mtu) {
    cut = truncated(message);
    message = cut;
  }
  if (kPayload + message.size() > kEthernetHeader + config_.mtu) return;
  std::vector<uint8_t> frame(kPayload);
  frame.insert(frame.end(), message.begin(), message.end());
  write_datagram(frame.data(), mac_of(config_.dns), query.guest,
                 {.source = config_.dns,
                  .destination = query.source,
                  .source_port = kPort,
                  .destination_port = query.port,
                  .payload = message});
  parts_.send(frame);
}

}  // namespace tsvde::slirp
