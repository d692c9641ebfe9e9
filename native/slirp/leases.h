// The addresses that DHCP assigns, at most kAddresses from `dhcpstart` on, and the guests that have them. An
// address that is only offered may be given to another guest that asks for it, so that a flood of requests
// that are never completed does no harm. An address is leased once its guest has confirmed it, or has been
// seen using it. Leases are told the time and never read a clock.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "slirp/config.h"
#include "slirp/packet.h"

namespace tsvde::slirp {

class Leases {
 public:
  static constexpr uint32_t kAddresses = 16;
  static constexpr uint32_t kSeconds = 86'400;

  struct Lease {
    in_addr address{};
    Mac guest{};
    bool leased = false;
    int64_t used_at_ms = 0;  // when it was last offered, confirmed, seen in use or released; 0 if never
  };

  // Collects the addresses that a guest can have: within the network, neither the network's own nor its
  // broadcast address, and none of the stack's addresses.
  explicit Leases(const Config& config);

  // Returns an address to offer: the one that is leased to the guest, otherwise the one it asks for if that
  // is free, otherwise one that it had or was offered before, otherwise any free one. Returns nullopt if all
  // are leased to other guests.
  [[nodiscard]] std::optional<in_addr> offer(const Mac& guest, in_addr wanted, int64_t now_ms);
  // Leases an address. Returns false if the address is leased to another guest or is not one of ours.
  [[nodiscard]] bool confirm(const Mac& guest, in_addr address, int64_t now_ms);
  // Leases an address that the guest uses without having asked for it, unless the address is leased to
  // another guest or this guest has a lease of another address.
  void use(const Mac& guest, in_addr address, int64_t now_ms);
  // Frees an address that a guest has released or declined. A guest that returns is offered the same address,
  // unless another guest has been offered it meanwhile.
  void release(const Mac& guest, in_addr address, int64_t now_ms);
  // Frees all addresses of a guest that is gone.
  void forget(const Mac& guest);

  [[nodiscard]] bool full(const Mac& guest, int64_t now_ms);
  // Returns all leases, the one used longest ago first.
  [[nodiscard]] std::vector<Lease> leased() const;

 private:
  [[nodiscard]] Lease* find(in_addr address);
  void expire(int64_t now_ms);

  std::vector<Lease> leases_;
};

}  // namespace tsvde::slirp
