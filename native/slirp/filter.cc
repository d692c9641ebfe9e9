// Decides by destination address and protocol; see filter.h.
#include "slirp/filter.h"

#include <algorithm>

namespace tsvde::slirp {
namespace {

// Returns whether the frame is for DHCP (port 67) or TFTP (69). libslirp would forward other broadcasts to
// services of the host.
bool is_broadcast_service(std::span<const uint8_t> bytes) {
  const uint16_t port = udp_port(bytes);
  return port == 67 || port == 69;
}

// Returns whether the destination is a group used by neighbour and router discovery or DHCPv6 (RFC 4291,
// 2.7.1; RFC 8415, 7.1): all nodes, all routers, solicited nodes, or all DHCP servers and relays, as mapped
// to Ethernet addresses (RFC 2464, 7).
bool is_ipv6_group(std::span<const uint8_t> bytes) {
  if (bytes[0] != 0x33 || bytes[1] != 0x33) return false;
  if (bytes[2] == 0xff) return true;
  const uint32_t low = uint32_t{bytes[2]} << 24 | bytes[3] << 16 | bytes[4] << 8 | bytes[5];
  return low == 1 || low == 2 || low == 0x10002;
}

}  // namespace

Filter::Filter(const Config& config) : longest_(kEthernetHeader + config.mtu) {
  if (config.ipv4) {
    own_ = {mac_of(config.host), mac_of(config.dns)};
    for (const GuestForward& forward : config.guest_forwards) own_.push_back(mac_of(forward.address));
  }
  if (config.ipv6) {
    in6_addr link_local{};  // fe80::2, the router's address
    link_local.s6_addr[15] = 2;
    for (const in6_addr& address : {config.ipv6_host, config.ipv6_dns, link_local})
      own_.push_back(mac_of(address));
  }
}

Verdict Filter::judge(std::span<const uint8_t> bytes, size_t size) const {
  if (size < kEthernetHeader) return Verdict::too_short;
  if (size > longest_) return Verdict::too_long;
  return wants(bytes) ? Verdict::pass : Verdict::not_for_us;
}

bool Filter::wants(std::span<const uint8_t> bytes) const {
  const uint16_t type = ether_type(bytes);
  const auto destination = bytes.first<6>();
  if ((destination[0] & 1) == 0)
    return std::ranges::any_of(own_, [&](const Mac& mac) { return std::ranges::equal(mac, destination); });
  const bool everyone = std::ranges::all_of(destination, [](uint8_t byte) { return byte == 0xff; });
  if (everyone) return type == kTypeArp || is_broadcast_service(bytes);
  return type == kTypeIpv6 && is_ipv6_group(bytes);
}

}  // namespace tsvde::slirp
