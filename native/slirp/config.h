// The settings of a stack, given as `key=value` arguments. TypeScript has validated them, so a value that
// cannot be read here is a defect in our code.
#pragma once

#include <netinet/in.h>

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace tsvde::slirp {

// A forward from an address and port in the guests' network to a service or a program of the host.
struct GuestForward {
  enum class Kind { command, tcp, unix_socket };
  Kind kind;
  in_addr address;
  uint16_t port;
  std::string target;  // depends on the kind: a command line, "127.0.0.1 80" or "::1 80", or a path
};

struct Config {
  bool ipv4 = false;
  bool ipv6 = false;
  bool restricted = false;
  bool dhcp = true;
  bool host_loopback = true;
  in_addr net{}, mask{}, host{}, dhcp_start{}, dns{};
  in6_addr ipv6_prefix{}, ipv6_host{}, ipv6_dns{};
  uint8_t ipv6_prefix_length = 64;
  std::optional<std::string> hostname, domain_name, tftp, boot_file, tftp_server_name;
  std::vector<std::string> dns_search;
  std::vector<GuestForward> guest_forwards;
  uint32_t mtu = 1500;

  // Reads the arguments. Returns the first argument that cannot be read, or "".
  [[nodiscard]] std::string read(std::span<char* const> arguments);
};

}  // namespace tsvde::slirp
