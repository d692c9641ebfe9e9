// The addresses that guests use, learned from their ARP (RFC 826) and neighbour discovery (RFC 4861), for
// forwards that are given without the address of a guest. The number of guests is bounded: a new guest
// replaces the one that has been silent longest.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "slirp/config.h"
#include "slirp/leases.h"
#include "slirp/packet.h"

namespace tsvde::slirp {

class Guests {
 public:
  static constexpr size_t kLimit = 64;

  explicit Guests(const Config& config) : config_(config) {}

  // Learns from a frame. Returns the IPv4 address that the sender claims in it, or 0.0.0.0 if it claims none.
  in_addr learn(std::span<const uint8_t> frame);
  void learn(const Mac& guest, in_addr address);
  // Returns whether anything has changed since the last text().
  [[nodiscard]] bool changed() const { return changed_; }
  // Returns `MAC,IPV4,IPV6,LEASED …`. An unknown address is 0.0.0.0 or ::, and LEASED is 1 or 0.
  [[nodiscard]] std::string text(const std::vector<Leases::Lease>& leased);

 private:
  struct Guest {
    Mac mac{};
    in_addr ipv4{};
    in6_addr ipv6{};
    uint64_t heard = 0;
  };
  [[nodiscard]] Guest& entry(const Mac& mac);
  void learn(const Mac& guest, const in6_addr& address);
  [[nodiscard]] bool is_guest(in_addr address) const;
  [[nodiscard]] bool is_guest(const in6_addr& address) const;

  const Config config_;
  std::vector<Guest> guests_;
  uint64_t clock_ = 0;
  bool changed_ = false;
};

}  // namespace tsvde::slirp
