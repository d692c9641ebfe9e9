// Decides by destination address and protocol, see filter.h.
#include "slirp/filter.h"

#include <algorithm>
#include <cstring>

namespace tsvde::slirp {
namespace {

constexpr size_t kHeader = 14;
constexpr uint16_t kIpv4 = 0x0800;
constexpr uint16_t kArp = 0x0806;
constexpr uint16_t kIpv6 = 0x86dd;

uint16_t big_endian(std::span<const uint8_t> bytes, size_t at) {
  return static_cast<uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}

// libslirp's MAC addresses: 52:55 and an IPv4 address, or 52:56 and the last four bytes of an IPv6 address.
Mac mac_of(const in_addr& address) {
  Mac mac = {0x52, 0x55};
  std::memcpy(&mac[2], &address, 4);
  return mac;
}

Mac mac_of(const in6_addr& address) {
  Mac mac = {0x52, 0x56};
  std::memcpy(&mac[2], &address.s6_addr[12], 4);
  return mac;
}

// Accepts DHCP (67) and TFTP (69). libslirp would pass other broadcasts on to services of the host.
bool is_broadcast_service(std::span<const uint8_t> bytes) {
  constexpr uint8_t kUdp = 17;
  if (bytes.size() < kHeader + 20 || bytes[kHeader + 9] != kUdp) return false;
  const size_t udp = kHeader + size_t{4} * (bytes[kHeader] & 0xf);
  if (bytes.size() < udp + 8) return false;
  const uint16_t port = big_endian(bytes, udp + 2);
  return port == 67 || port == 69;
}

// Accepts neighbour and router discovery and DHCPv6 (RFC 4291, 2.7.1; RFC 8415, 7.1): all nodes, all routers,
// solicited nodes, all DHCP servers and relays, as mapped to Ethernet (RFC 2464, 7).
bool is_ipv6_group(std::span<const uint8_t> bytes) {
  if (bytes[0] != 0x33 || bytes[1] != 0x33) return false;
  if (bytes[2] == 0xff) return true;
  const uint32_t low = uint32_t{bytes[2]} << 24 | bytes[3] << 16 | bytes[4] << 8 | bytes[5];
  return low == 1 || low == 2 || low == 0x10002;
}

}  // namespace

Filter::Filter(const Config& config) : longest_(kHeader + config.mtu) {
  if (config.ipv4) {
    own_ = {mac_of(config.host), mac_of(config.dns)};
    for (const GuestForward& forward : config.guest_forwards) own_.push_back(mac_of(forward.address));
  }
  if (config.ipv6) {
    in6_addr link_local{};  // fe80::2, which is the router
    link_local.s6_addr[15] = 2;
    for (const in6_addr& address : {config.ipv6_host, config.ipv6_dns, link_local})
      own_.push_back(mac_of(address));
  }
}

Verdict Filter::judge(std::span<const uint8_t> bytes, size_t size) const {
  if (size < kHeader) return Verdict::too_short;
  if (size > longest_) return Verdict::too_long;
  return wants(bytes) ? Verdict::pass : Verdict::not_for_us;
}

bool Filter::wants(std::span<const uint8_t> bytes) const {
  const uint16_t type = big_endian(bytes, 12);
  const auto destination = bytes.first<6>();
  if ((destination[0] & 1) == 0)
    return std::ranges::any_of(own_, [&](const Mac& mac) { return std::ranges::equal(mac, destination); });
  const bool everyone = std::ranges::all_of(destination, [](uint8_t byte) { return byte == 0xff; });
  if (everyone) return type == kArp || (type == kIpv4 && is_broadcast_service(bytes));
  return type == kIpv6 && is_ipv6_group(bytes);
}

}  // namespace tsvde::slirp
