// Serves DHCP requests and makes room among the leases. When all are taken, the switch is asked which of
// their guests are gone: it knows what is on its ports. A guest of which it has not heard for long, but which
// may be there, is asked by ARP first (RFC 2131, 2.2).
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "slirp/dhcp.h"

namespace tsvde::slirp {

class LeaseServer {
 public:
  static constexpr int64_t kProbeMs = 500;  // how long a guest may take to answer ARP
  static constexpr int64_t kRestMs = 100;   // after a refusal, before the switch is asked again
  static constexpr size_t kWaiting = 8;     // requests that may wait for an answer

  struct Parts {
    std::function<void(std::span<const uint8_t> frame)> send;
    // Asks the switch about the guests that have leases: `full MAC MAC …`, the one heard last of all last.
    std::function<void(const std::string& question)> ask;
    // A guest has been leased an address.
    std::function<void(const Mac& guest, in_addr address)> leased;
    // A sentence for the log.
    std::function<void(bool warning, const std::string& sentence)> note;
  };

  LeaseServer(const Config& config, Parts parts);

  // Takes a frame that is for a DHCP server. Returns false for any other frame.
  [[nodiscard]] bool receive(std::span<const uint8_t> frame, int64_t now_ms);
  // A guest has sent a frame.
  void heard(const Mac& guest);
  // The switch's answer: the guest that is gone.
  void reclaim(const Mac& gone, int64_t now_ms);
  // The switch's answer where none is surely gone: those that may be, in their order; none: all are there.
  void probe(std::vector<Mac> quiet, int64_t now_ms);
  // To be called often: the end of a probe or of a rest.
  void run(int64_t now_ms);
  // When run() is due; nothing if it is not.
  [[nodiscard]] std::optional<int64_t> due() const;

  [[nodiscard]] Leases& leases() { return dhcp_.leases; }
  [[nodiscard]] const Leases& leases() const { return dhcp_.leases; }
  [[nodiscard]] uint64_t refused() const { return refused_; }

 private:
  enum class State : uint8_t { idle, asking, probing, resting };

  void serve(const DhcpRequest& request, int64_t now_ms);
  void serve_waiting(int64_t now_ms);
  void refuse(int64_t now_ms);
  void ask();
  void send_probe(const Mac& guest, in_addr address) const;

  const Config config_;
  const Parts parts_;
  Dhcp dhcp_;
  State state_ = State::idle;
  int64_t until_ms_ = 0;  // the end of a probe or of a rest
  std::vector<DhcpRequest> waiting_;
  std::vector<Mac> quiet_;  // probed and not heard yet
  uint64_t refused_ = 0;
};

}  // namespace tsvde::slirp
