// Chooses, confirms and takes back addresses; see leases.h.
#include "slirp/leases.h"

#include <arpa/inet.h>

#include <algorithm>

namespace tsvde::slirp {

Leases::Leases(const Config& config) {
  const uint32_t first = ntohl(config.dhcp_start.s_addr);
  const uint32_t mask = ntohl(config.mask.s_addr);
  const uint32_t net = ntohl(config.net.s_addr);
  const auto is_ours = [&](const in_addr& address) {
    return address.s_addr == config.host.s_addr || address.s_addr == config.dns.s_addr ||
           std::ranges::any_of(config.guest_forwards, [&](const GuestForward& forward) {
             return forward.address.s_addr == address.s_addr;
           });
  };
  if (!config.ipv4 || !config.dhcp) return;
  for (uint32_t i = 0; i < kAddresses; i++) {
    const in_addr address = {htonl(first + i)};
    const bool inside = ((first + i) & mask) == net && first + i != net && first + i != (net | ~mask);
    if (inside && !is_ours(address)) leases_.push_back({.address = address});
  }
}

std::optional<in_addr> Leases::offer(const Mac& guest, in_addr wanted, int64_t now_ms) {
  expire(now_ms);
  const auto own = [&](const Lease& lease) { return lease.guest == guest && lease.used_at_ms != 0; };
  Lease* chosen = nullptr;
  for (Lease& lease : leases_)
    if (own(lease) && (chosen == nullptr || (lease.leased && !chosen->leased))) chosen = &lease;
  if (chosen == nullptr || !chosen->leased)
    if (Lease* asked = find(wanted); asked != nullptr && !asked->leased) chosen = asked;
  // An address that was never offered or leased is preferred, then the free address whose last use (or offer)
  // was longest ago.
  if (chosen == nullptr)
    for (Lease& lease : leases_)
      if (!lease.leased && (chosen == nullptr || lease.used_at_ms < chosen->used_at_ms)) chosen = &lease;
  if (chosen == nullptr) return std::nullopt;
  if (!chosen->leased) *chosen = {.address = chosen->address, .guest = guest, .used_at_ms = now_ms};
  return chosen->address;
}

bool Leases::confirm(const Mac& guest, in_addr address, int64_t now_ms) {
  expire(now_ms);
  Lease* lease = find(address);
  if (lease == nullptr || (lease->leased && lease->guest != guest)) return false;
  // A guest has only one address, so its earlier one is freed.
  for (Lease& other : leases_)
    if (other.guest == guest) other.leased = false;
  *lease = {.address = address, .guest = guest, .leased = true, .used_at_ms = now_ms};
  return true;
}

void Leases::use(const Mac& guest, in_addr address, int64_t now_ms) {
  expire(now_ms);
  Lease* lease = find(address);
  if (lease == nullptr) return;
  // Each guest gets only one address, so that no guest can claim all of them.
  const auto own =
      std::ranges::find_if(leases_, [&](const Lease& known) { return known.leased && known.guest == guest; });
  if (own == leases_.end() ? lease->leased : &*own != lease) return;
  *lease = {.address = address, .guest = guest, .leased = true, .used_at_ms = now_ms};
}

void Leases::release(const Mac& guest, in_addr address, int64_t now_ms) {
  Lease* lease = find(address);
  if (lease == nullptr || lease->guest != guest) return;
  lease->leased = false;
  lease->used_at_ms = now_ms;
}

void Leases::forget(const Mac& guest) {
  for (Lease& lease : leases_)
    if (lease.guest == guest) lease.leased = false;
}

bool Leases::full(const Mac& guest, int64_t now_ms) {
  expire(now_ms);
  return std::ranges::all_of(leases_,
                             [&](const Lease& lease) { return lease.leased && lease.guest != guest; });
}

std::vector<Leases::Lease> Leases::leased() const {
  std::vector<Lease> result;
  std::ranges::copy_if(leases_, std::back_inserter(result), &Lease::leased);
  std::ranges::stable_sort(result, {}, &Lease::used_at_ms);
  return result;
}

Leases::Lease* Leases::find(in_addr address) {
  const auto found = std::ranges::find_if(
      leases_, [&](const Lease& lease) { return lease.address.s_addr == address.s_addr; });
  return found == leases_.end() ? nullptr : &*found;
}

void Leases::expire(int64_t now_ms) {
  for (Lease& lease : leases_)
    if (lease.leased && now_ms - lease.used_at_ms > int64_t{1000} * kSeconds) lease.leased = false;
}

}  // namespace tsvde::slirp
