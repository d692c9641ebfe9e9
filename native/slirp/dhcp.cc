// Reads requests and writes replies; see dhcp.h.
#include "slirp/dhcp.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>
#include <string_view>

namespace tsvde::slirp {
namespace {

constexpr uint16_t kServerPort = 67;
constexpr uint16_t kClientPort = 68;
// Offsets of fields in a message (RFC 2131, 2).
constexpr size_t kOwnAddress = 12;
constexpr size_t kYourAddress = 16;
constexpr size_t kNextServer = 20;
constexpr size_t kHardware = 28;
constexpr size_t kFile = 108;
constexpr size_t kFileSize = 128;
constexpr size_t kCookie = 236;
constexpr size_t kOptions = 240;
constexpr size_t kSmallest = 300;  // bytes of the shortest BOOTP message (RFC 1542, 2.1)
constexpr std::array<uint8_t, 4> kMagic = {99, 130, 83, 99};

// The codes of options (RFC 2132; for 119, RFC 3397).
enum Option : uint8_t {
  kPad = 0,
  kMask = 1,
  kRouter = 3,
  kNameServer = 6,
  kHostName = 12,
  kDomainName = 15,
  kWantedAddress = 50,
  kLeaseTime = 51,
  kMessageType = 53,
  kServer = 54,
  kLongest = 57,
  kTftpServer = 66,
  kSearch = 119,
  kEnd = 255,
};

void read_options(std::span<const uint8_t> options, DhcpRequest& request) {
  const auto address = [](std::span<const uint8_t> value, in_addr& to) {
    if (value.size() == 4) std::memcpy(&to, value.data(), 4);
  };
  for (size_t at = 0; at < options.size() && options[at] != kEnd;) {
    if (options[at] == kPad) {
      at++;
      continue;
    }
    if (at + 2 > options.size() || at + 2 + options[at + 1] > options.size()) return;
    const auto value = options.subspan(at + 2, options[at + 1]);
    switch (options[at]) {
      case kMessageType:
        if (value.size() == 1) request.type = static_cast<DhcpType>(value[0]);
        break;
      case kWantedAddress:
        address(value, request.wanted);
        break;
      case kServer:
        address(value, request.server);
        break;
      case kLongest:
        if (value.size() == 2) request.longest = std::max<size_t>(read16(value.data()), request.longest);
        break;
    }
    at += 2 + value.size();
  }
}

void put(std::vector<uint8_t>& options, uint8_t code, std::span<const uint8_t> value) {
  options.push_back(code);
  options.push_back(static_cast<uint8_t>(value.size()));
  options.insert(options.end(), value.begin(), value.end());
}

void put(std::vector<uint8_t>& options, uint8_t code, const in_addr& address) {
  put(options, code, {reinterpret_cast<const uint8_t*>(&address), 4});
}

// Returns domain names in the encoding of DNS (RFC 1035, 3.1), one after another and not compressed. Names
// that DNS does not allow are left out.
std::vector<uint8_t> domain_names(const std::vector<std::string>& domains) {
  std::vector<uint8_t> result;
  for (const std::string& domain : domains) {
    std::vector<uint8_t> name;
    bool sound = true;
    std::string_view rest = domain;
    while (!rest.empty()) {
      const std::string_view label = rest.substr(0, rest.find('.'));
      sound &= !label.empty() && label.size() <= 63;
      name.push_back(static_cast<uint8_t>(label.size()));
      name.insert(name.end(), label.begin(), label.end());
      rest.remove_prefix(std::min(label.size() + 1, rest.size()));
    }
    name.push_back(0);
    if (sound && name.size() > 1 && name.size() <= 255) result.insert(result.end(), name.begin(), name.end());
  }
  return result;
}

}  // namespace

std::optional<DhcpRequest> read_dhcp(std::span<const uint8_t> frame) {
  constexpr uint8_t kRequest = 1;
  constexpr uint8_t kEthernet = 1;
  Datagram datagram{};
  if (!read_datagram(frame, datagram) || datagram.destination_port != kServerPort) return std::nullopt;
  const auto message = datagram.payload;
  if (message.size() < kCookie || message[0] != kRequest || message[1] != kEthernet || message[2] != 6)
    return std::nullopt;
  DhcpRequest request;
  std::ranges::copy(message.first(request.head.size()), request.head.begin());
  std::ranges::copy(message.subspan(kHardware, 6), request.guest.begin());
  if ((request.guest[0] & 1) != 0) return std::nullopt;
  std::memcpy(&request.own, &message[kOwnAddress], 4);
  if (message.size() >= kOptions && std::ranges::equal(message.subspan(kCookie, 4), kMagic))
    read_options(message.subspan(kOptions), request);
  return request;
}

Dhcp::Dhcp(const Config& config)
    : leases(config), config_(config), search_(domain_names(config.dns_search)) {}

bool Dhcp::lacks_address(const DhcpRequest& request, int64_t now_ms) {
  const bool asks_for_any =
      request.type == DhcpType::discover || request.type == DhcpType::bootp ||
      (request.type == DhcpType::request && request.wanted.s_addr == 0 && request.own.s_addr == 0);
  return asks_for_any && leases.full(request.guest, now_ms);
}

std::vector<uint8_t> Dhcp::answer(const DhcpRequest& request, int64_t now_ms) {
  const bool for_another = request.server.s_addr != 0 && request.server.s_addr != config_.host.s_addr;
  switch (request.type) {
    case DhcpType::discover:
      if (const auto address = leases.offer(request.guest, request.wanted, now_ms))
        return reply(request, DhcpType::offer, *address);
      return {};
    case DhcpType::bootp:
    case DhcpType::request: {
      if (for_another) return {};
      in_addr address = request.wanted.s_addr != 0 ? request.wanted : request.own;
      if (request.type == DhcpType::bootp) address = {};
      if (address.s_addr == 0) {
        // A request without an address asks for any address. libslirp answers such requests too, since some
        // old clients send them to keep an address that they remember.
        const auto offered = leases.offer(request.guest, address, now_ms);
        if (!offered) return {};
        address = *offered;
      }
      const bool confirmed = leases.confirm(request.guest, address, now_ms);
      return reply(request, confirmed ? DhcpType::ack : DhcpType::nak, confirmed ? address : in_addr{});
    }
    case DhcpType::decline:
      if (!for_another) leases.release(request.guest, request.wanted, now_ms);
      return {};
    case DhcpType::release:
      if (!for_another) leases.release(request.guest, request.own, now_ms);
      return {};
    default:
      return {};
  }
}

std::vector<uint8_t> Dhcp::reply(const DhcpRequest& request, DhcpType type, in_addr address) const {
  constexpr uint8_t kReply = 2;
  const size_t longest = std::min<size_t>(request.longest, config_.mtu);
  std::vector<uint8_t> message(kOptions);
  std::ranges::copy(request.head, message.begin());
  message[0] = kReply;
  message[3] = 0;  // the field `hops`
  if (type == DhcpType::nak) std::memset(&message[kOwnAddress], 0, 4);
  std::memcpy(&message[kYourAddress], &address, 4);
  std::memcpy(&message[kNextServer], &config_.host, 4);
  std::ranges::copy(request.guest, &message[kHardware]);
  std::ranges::copy(kMagic, &message[kCookie]);
  put(message, kMessageType, std::array{static_cast<uint8_t>(type)});
  put(message, kServer, config_.host);
  if (type != DhcpType::nak) {
    const std::string file = config_.boot_file.value_or("");
    std::copy_n(file.begin(), std::min(file.size(), kFileSize - 1), &message[kFile]);
    put(message, kMask, config_.mask);
    put(message, kLeaseTime, in_addr{htonl(Leases::kSeconds)});
    add_options(message, longest - 20 - 8 - 1);
  }
  message.push_back(kEnd);
  message.resize(std::max(message.size(), kSmallest));

  std::vector<uint8_t> frame(kPayload);
  frame.insert(frame.end(), message.begin(), message.end());
  constexpr Mac kEveryone = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
  write_datagram(frame.data(), mac_of(config_.host), kEveryone,
                 {.source = config_.host,
                  .destination = {INADDR_BROADCAST},
                  .source_port = kServerPort,
                  .destination_port = kClientPort,
                  .payload = message});
  return frame;
}

// Adds as many options as there is room for, the most important first.
void Dhcp::add_options(std::vector<uint8_t>& options, size_t room) const {
  const auto add = [&](uint8_t code, std::span<const uint8_t> value) {
    if (value.size() <= 255 && options.size() + 2 + value.size() <= room) put(options, code, value);
  };
  const auto add_text = [&](uint8_t code, const std::optional<std::string>& text) {
    if (text) add(code, {reinterpret_cast<const uint8_t*>(text->data()), text->size()});
  };
  if (!config_.restricted) {
    put(options, kRouter, config_.host);
    put(options, kNameServer, config_.dns);
  }
  add_text(kHostName, config_.hostname);
  add_text(kDomainName, config_.domain_name);
  add_text(kTftpServer, config_.tftp_server_name);
  // A value longer than 255 bytes is split into several options with the same code (RFC 3396). Either all of
  // them fit or none is added.
  const size_t parts = (search_.size() + 254) / 255;
  if (options.size() + 2 * parts + search_.size() > room) return;
  for (size_t at = 0; at < search_.size(); at += 255)
    put(options, kSearch, std::span(search_).subspan(at, std::min<size_t>(255, search_.size() - at)));
}

}  // namespace tsvde::slirp
