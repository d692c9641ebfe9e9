// Answers DHCP (RFC 2131) and BOOTP (RFC 951) in place of libslirp, which never takes back any of its 16
// leases and does not report when none is left.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "slirp/config.h"
#include "slirp/leases.h"
#include "slirp/packet.h"

namespace tsvde::slirp {

enum class DhcpType : uint8_t {
  bootp = 0,
  discover = 1,
  offer = 2,
  request = 3,
  decline = 4,
  ack = 5,
  nak = 6,
  release = 7,
};

struct DhcpRequest {
  DhcpType type = DhcpType::bootp;
  Mac guest{};
  std::array<uint8_t, 28> head{};  // the fields from `op` to `giaddr`, most of which the reply repeats
  in_addr own{};                   // the address that the guest has now (ciaddr)
  in_addr wanted{};                // the address that the guest asks for (option 50)
  in_addr server{};                // the server that the guest has chosen (option 54)
  size_t longest = 576;            // the longest datagram that the guest accepts (option 57)
};

// Reads a request. Returns nullopt for a frame that is not a request to a server.
[[nodiscard]] std::optional<DhcpRequest> read_dhcp(std::span<const uint8_t> frame);

class Dhcp {
 public:
  explicit Dhcp(const Config& config);

  Leases leases;

  // Returns whether the request can be answered only after a lease has been taken back.
  [[nodiscard]] bool lacks_address(const DhcpRequest& request, int64_t now_ms);
  // Returns the frame that answers the request, or an empty one if there is no answer.
  [[nodiscard]] std::vector<uint8_t> answer(const DhcpRequest& request, int64_t now_ms);

 private:
  [[nodiscard]] std::vector<uint8_t> reply(const DhcpRequest& request, DhcpType type, in_addr address) const;
  void add_options(std::vector<uint8_t>& options, size_t room) const;

  const Config config_;
  std::vector<uint8_t> search_;  // the value of option 119, the domain search list
};

}  // namespace tsvde::slirp
