// Answers requests, lets them wait while the switch is asked or guests are probed, and refuses them if no
// lease can be taken back; see lease_server.h.
#include "slirp/lease_server.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace tsvde::slirp {

LeaseServer::LeaseServer(const Config& config, Parts parts)
    : config_(config), parts_(std::move(parts)), dhcp_(config) {}

bool LeaseServer::receive(std::span<const uint8_t> frame, int64_t now_ms) {
  if (!config_.ipv4 || !config_.dhcp || udp_port(frame) != 67) return false;
  in_addr destination;
  std::memcpy(&destination, &frame[kEthernetHeader + 16], 4);
  if (destination.s_addr != INADDR_BROADCAST && destination.s_addr != config_.host.s_addr) return false;
  const auto request = read_dhcp(frame);
  if (!request) return true;
  if (!dhcp_.lacks_address(*request, now_ms)) {
    serve(*request, now_ms);
    return true;
  }
  std::erase_if(waiting_, [&](const DhcpRequest& other) { return other.guest == request->guest; });
  if (waiting_.size() == kWaiting) {
    refused_++;
  } else {
    waiting_.push_back(*request);
    if (state_ == State::idle) ask();
  }
  return true;
}

void LeaseServer::heard(const Mac& guest) {
  if (state_ == State::probing) std::erase(quiet_, guest);
}

void LeaseServer::reclaim(const Mac& gone, int64_t now_ms) {
  const auto leased = leases().leased();
  const auto lease = std::ranges::find(leased, gone, &Leases::Lease::guest);
  if (lease == leased.end())
    return refuse(now_ms);  // the guest has no lease any more; the switch is asked again after a rest
  parts_.note(false,
              text_of(lease->address) + " is free again: " + text_of(gone) + " is on no port any more");
  leases().forget(gone);
  serve_waiting(now_ms);
}

void LeaseServer::probe(std::vector<Mac> quiet, int64_t now_ms) {
  quiet_ = std::move(quiet);
  if (quiet_.empty()) return refuse(now_ms);
  for (const Leases::Lease& lease : leases().leased())
    if (std::ranges::find(quiet_, lease.guest) != quiet_.end()) send_probe(lease.guest, lease.address);
  state_ = State::probing;
  until_ms_ = now_ms + kProbeMs;
}

void LeaseServer::run(int64_t now_ms) {
  if (state_ == State::probing && quiet_.empty()) return refuse(now_ms);
  if (now_ms < until_ms_) return;
  if (state_ == State::probing) {
    reclaim(quiet_.front(), now_ms);
  } else if (state_ == State::resting) {
    serve_waiting(now_ms);
  }
}

std::optional<int64_t> LeaseServer::due() const {
  if (state_ != State::probing && state_ != State::resting) return std::nullopt;
  return quiet_.empty() && state_ == State::probing ? 0 : until_ms_;
}

void LeaseServer::serve(const DhcpRequest& request, int64_t now_ms) {
  const std::vector<uint8_t> frame = dhcp_.answer(request, now_ms);
  if (!frame.empty()) parts_.send(frame);
  for (const Leases::Lease& lease : leases().leased())
    if (lease.guest == request.guest) parts_.leased(lease.guest, lease.address);
}

// Serves the waiting requests that can be served, and asks the switch again if some cannot.
void LeaseServer::serve_waiting(int64_t now_ms) {
  state_ = State::idle;
  std::vector<DhcpRequest> lacking;
  for (const DhcpRequest& request : std::exchange(waiting_, {})) {
    if (dhcp_.lacks_address(request, now_ms)) {
      lacking.push_back(request);
    } else {
      serve(request, now_ms);
    }
  }
  waiting_ = std::move(lacking);
  if (!waiting_.empty()) ask();
}

void LeaseServer::refuse(int64_t now_ms) {
  for (const DhcpRequest& request : waiting_)
    parts_.note(true, "no address is left for " + text_of(request.guest) +
                          ": the guests that have all of them, " + std::to_string(leases().leased().size()) +
                          ", are on ports of the switch");
  refused_ += waiting_.size();
  waiting_.clear();
  quiet_.clear();
  state_ = State::resting;
  until_ms_ = now_ms + kRestMs;
}

void LeaseServer::ask() {
  std::string question = "full";
  for (const Leases::Lease& lease : leases().leased()) question += " " + text_of(lease.guest);
  state_ = State::asking;
  parts_.ask(question);
}

void LeaseServer::send_probe(const Mac& guest, in_addr address) const {
  std::array<uint8_t, 42> frame{};
  const Mac own = mac_of(config_.host);
  constexpr std::array<uint8_t, 8> kRequest = {0, 1, 8, 0, 6, 4, 0, 1};  // Ethernet, IPv4, request
  std::ranges::copy(guest, frame.begin());
  std::ranges::copy(own, &frame[6]);
  write16(&frame[12], kTypeArp);
  std::ranges::copy(kRequest, &frame[14]);
  std::ranges::copy(own, &frame[22]);
  std::memcpy(&frame[28], &config_.host, 4);
  std::memcpy(&frame[38], &address, 4);
  parts_.send(frame);
}

}  // namespace tsvde::slirp
