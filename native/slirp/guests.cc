// Reads ARP and neighbour discovery; see guests.h.
#include "slirp/guests.h"

#include <algorithm>
#include <cstring>

namespace tsvde::slirp {

in_addr Guests::learn(std::span<const uint8_t> frame) {
  constexpr uint8_t kNeighbourSolicitation = 135;
  constexpr uint8_t kNeighbourAdvertisement = 136;
  Mac source;
  std::ranges::copy(frame.subspan(6, 6), source.begin());
  if (ether_type(frame) == kTypeArp) {
    in_addr address{};
    if (frame.size() < 42 || !std::ranges::equal(frame.subspan(22, 6), source)) return {};
    std::memcpy(&address, &frame[28], 4);
    if (!is_guest(address)) return {};
    learn(source, address);
    return address;
  }
  if (ether_type(frame) != kTypeIpv6 || frame.size() < 14 + 40 + 24 || frame[20] != kIcmpv6) return {};
  const uint8_t type = frame[54];
  if (type != kNeighbourSolicitation && type != kNeighbourAdvertisement) return {};
  in6_addr address;
  std::memcpy(&address, &frame[22], 16);
  // If the source is unspecified, the guest is checking whether its new address is already in use (RFC 4862,
  // 5.4), and that address is the target.
  if (IN6_IS_ADDR_UNSPECIFIED(&address)) std::memcpy(&address, &frame[62], 16);
  if (is_guest(address)) learn(source, address);
  return {};
}

void Guests::learn(const Mac& guest, in_addr address) {
  Guest& known = entry(guest);
  if (known.ipv4.s_addr == address.s_addr) return;
  known.ipv4 = address;
  changed_ = true;
}

void Guests::learn(const Mac& guest, const in6_addr& address) {
  Guest& known = entry(guest);
  if (IN6_ARE_ADDR_EQUAL(&known.ipv6, &address)) return;
  known.ipv6 = address;
  changed_ = true;
}

std::string Guests::text(const std::vector<Leases::Lease>& leased) {
  changed_ = false;
  std::string text;
  for (const Guest& guest : guests_) {
    const bool has_lease = std::ranges::any_of(leased, [&](const Leases::Lease& lease) {
      return lease.guest == guest.mac && lease.address.s_addr == guest.ipv4.s_addr;
    });
    if (!text.empty()) text += " ";
    text += text_of(guest.mac) + "," + text_of(guest.ipv4) + "," + text_of(guest.ipv6) +
            (has_lease ? ",1" : ",0");
  }
  return text;
}

Guests::Guest& Guests::entry(const Mac& mac) {
  auto found = std::ranges::find(guests_, mac, &Guest::mac);
  if (found == guests_.end()) {
    if (guests_.size() == kLimit) guests_.erase(std::ranges::min_element(guests_, {}, &Guest::heard));
    found = guests_.insert(guests_.end(), {.mac = mac});
  }
  found->heard = ++clock_;
  return *found;
}

bool Guests::is_guest(in_addr address) const {
  const bool inside = config_.ipv4 && (address.s_addr & config_.mask.s_addr) == config_.net.s_addr;
  return inside && address.s_addr != config_.host.s_addr && address.s_addr != config_.dns.s_addr;
}

bool Guests::is_guest(const in6_addr& address) const {
  if (!config_.ipv6 || IN6_IS_ADDR_LINKLOCAL(&address)) return false;
  const auto bit = [](const in6_addr& of, size_t i) { return of.s6_addr[i / 8] >> (7 - i % 8) & 1; };
  for (size_t i = 0; i < config_.ipv6_prefix_length; i++)
    if (bit(address, i) != bit(config_.ipv6_prefix, i)) return false;
  return !IN6_ARE_ADDR_EQUAL(&address, &config_.ipv6_host) &&
         !IN6_ARE_ADDR_EQUAL(&address, &config_.ipv6_dns);
}

}  // namespace tsvde::slirp
