// Serves DHCP requests, and takes back leases when all are in use. The switch is then asked which of the
// leases' guests are gone, since it knows what is attached to its ports. A guest that the switch has not
// heard from for long, but that may still be there, is first probed by ARP (RFC 2131, 2.2).
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
  static constexpr int64_t kRestMs = 100;   // how long to wait after a refusal before asking the switch again
  static constexpr size_t kWaiting = 8;     // the most requests that wait for an answer

  struct Parts {
    std::function<void(std::span<const uint8_t> frame)> send;
    // Asks the switch about the guests that have leases: `full MAC MAC …`. The guest whose lease was used
    // most recently comes last.
    std::function<void(const std::string& question)> ask;
    // Called after handling a request of a guest that has a lease.
    std::function<void(const Mac& guest, in_addr address)> leased;
    // Receives a sentence for the log.
    std::function<void(bool warning, const std::string& sentence)> note;
  };

  LeaseServer(const Config& config, Parts parts);

  // Takes a frame for this DHCP server. Returns false for any other frame.
  [[nodiscard]] bool receive(std::span<const uint8_t> frame, int64_t now_ms);
  // Notes that a guest has sent a frame.
  void heard(const Mac& guest);
  // Takes the switch's answer that a guest is gone.
  void reclaim(const Mac& gone, int64_t now_ms);
  // Takes the switch's answer that it knows of no guest that is gone. `quiet` contains the guests that may be
  // gone, in the order in which to take back their leases. If `quiet` is empty, all guests are present.
  void probe(std::vector<Mac> quiet, int64_t now_ms);
  // Ends a probe or a rest whose time is over. Call it often.
  void run(int64_t now_ms);
  // Returns when run() is due, or nullopt if it is not needed.
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
  int64_t until_ms_ = 0;  // when a probe or a rest ends
  std::vector<DhcpRequest> waiting_;
  std::vector<Mac> quiet_;  // guests that were probed and have not been heard from yet
  uint64_t refused_ = 0;
};

}  // namespace tsvde::slirp
