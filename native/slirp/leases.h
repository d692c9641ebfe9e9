// The addresses that DHCP assigns, kAddresses from `dhcpstart`, and the guests that have them. An address
// that is only offered is not kept from another guest that asks for it, so that a flood of requests that are
// never completed harms nobody. An address is leased once its guest has confirmed it, or has been seen to use
// it by itself. Told the time; never reads a clock.
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
    int64_t used_at_ms = 0;  // when it was offered, confirmed or seen last
  };

  // Only addresses that a guest can have: inside the network, not its own or its broadcast address, and not
  // the stack's.
  explicit Leases(const Config& config);

  // Finds an address to offer: the guest's own, or else the one it asks for, or else a free one. Nothing if
  // all are leased.
  [[nodiscard]] std::optional<in_addr> offer(const Mac& guest, in_addr wanted, int64_t now_ms);
  // Leases an address, unless another guest has it or it is not ours to give.
  [[nodiscard]] bool confirm(const Mac& guest, in_addr address, int64_t now_ms);
  // The guest uses an address without having asked for it: leases it, if nobody else and no other is leased
  // to it.
  void use(const Mac& guest, in_addr address, int64_t now_ms);
  // The guest has no more use for its address; it gets the same one when it returns, if that is free still.
  void release(const Mac& guest, in_addr address, int64_t now_ms);
  // Takes every address from a guest that is gone.
  void forget(const Mac& guest);

  [[nodiscard]] bool full(const Mac& guest, int64_t now_ms);
  // What is leased, that which was used longest ago first.
  [[nodiscard]] std::vector<Lease> leased() const;

 private:
  [[nodiscard]] Lease* find(in_addr address);
  void expire(int64_t now_ms);

  std::vector<Lease> leases_;
};

}  // namespace tsvde::slirp
