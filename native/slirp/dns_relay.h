// Answers guests' queries to the IPv4 name server if the host has only IPv6 name servers, since libslirp
// would not forward these queries. UDP only. Each query gets its own socket, for which the kernel chooses a
// random port.
#pragma once

#include <netinet/in.h>
#include <poll.h>

#include <functional>
#include <string>
#include <vector>

#include "engine/fd.h"
#include "slirp/config.h"
#include "slirp/packet.h"

namespace tsvde::slirp {

class DnsRelay {
 public:
  static constexpr size_t kQueries = 64;  // the most pending queries; a further query replaces the oldest
  static constexpr int64_t kTimeoutMs = 10'000;

  struct Parts {
    std::function<void(std::span<const uint8_t> frame)> send;
    // Receives a sentence for the log. Called at most once.
    std::function<void(const std::string& sentence)> warn;
  };

  DnsRelay(const Config& config, Parts parts, std::string resolver_file = "/etc/resolv.conf");

  // Takes a query that libslirp could not answer. Returns false for any other frame.
  [[nodiscard]] bool receive(std::span<const uint8_t> frame, int64_t now_ms);
  void fill(std::vector<pollfd>& polled);
  void dispatch(const std::vector<pollfd>& polled, int64_t now_ms);
  [[nodiscard]] size_t size() const { return queries_.size(); }

 private:
  struct Query {
    Fd socket;
    Mac guest{};
    in_addr source{};
    uint16_t port = 0;
    int64_t until_ms = 0;
    size_t polled_at = 0;  // index in the pollfd array; 0 if not polled yet
  };

  void read_resolver_file(int64_t now_ms);
  void answer(const Query& query, std::span<const uint8_t> message) const;

  const Config config_;
  const Parts parts_;
  const std::string resolver_file_;
  const bool active_;
  int64_t read_at_ms_ = 0;  // when the resolver file was last read; 0 if never
  bool has_ipv4_ = true;
  bool warned_ = false;
  sockaddr_in6 server_{};  // its family is 0 if there is no server
  std::vector<Query> queries_;
};

}  // namespace tsvde::slirp
