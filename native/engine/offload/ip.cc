#include "engine/offload/ip.h"

namespace tsvde {
namespace {

constexpr uint32_t kTypeAt = 12;  // after the addresses

bool is_tag(uint16_t type) {
  return type == 0x8100 || type == 0x88a8;  // 802.1Q-2018, table 9-1
}

// Returns whether a header is a hop-by-hop options, routing or destination options header: these contain
// their own length and the type of the next header (RFC 8200, 4). Other extension headers, such as a
// fragment's, are not skipped.
bool is_extension(uint8_t next) {
  return next == 0 || next == 43 || next == 60;
}

bool read_ip4(std::span<const uint8_t> bytes, Headers& headers) {
  if (bytes.size() < headers.network + ip4::kSize) return false;
  const uint8_t* ip = &bytes[headers.network];
  const uint32_t size = (ip[0] & 0xfu) * 4;
  if (ip[0] >> 4 != 4 || size < ip4::kSize) return false;
  if ((read16(ip + ip4::kFragment) & 0x3fff) != 0) return false;  // the packet is a fragment
  headers.protocol = ip[ip4::kProtocol];
  headers.transport = headers.network + size;
  headers.end = headers.network + read16(ip + ip4::kLength);
  return true;
}

bool read_ip6(std::span<const uint8_t> bytes, Headers& headers) {
  if (bytes.size() < headers.network + ip6::kSize) return false;
  const uint8_t* ip = &bytes[headers.network];
  if (ip[0] >> 4 != 6) return false;
  uint8_t next = ip[ip6::kNext];
  uint32_t at = headers.network + ip6::kSize;
  headers.v6 = true;
  headers.end = at + read16(ip + ip6::kLength);
  while (is_extension(next)) {
    if (bytes.size() < at + 8) return false;
    headers.extended = true;
    next = bytes[at];
    at += (bytes[at + 1] + 1u) * 8;
  }
  headers.protocol = next;
  headers.transport = at;
  return true;
}

bool read_transport(std::span<const uint8_t> bytes, Headers& headers) {
  const uint32_t at = headers.transport;
  if (headers.protocol == kUdp) {
    headers.payload = at + udp::kSize;
  } else if (headers.protocol == kTcp) {
    if (bytes.size() < at + tcp::kSize) return false;
    const uint32_t size = (bytes[at + tcp::kOffset] >> 4) * 4u;
    if (size < tcp::kSize) return false;
    headers.payload = at + size;
  } else {
    return false;
  }
  return headers.payload <= bytes.size() && headers.payload <= headers.end;
}

}  // namespace

uint32_t skip_tags(std::span<const uint8_t> bytes) {
  uint32_t at = kTypeAt;
  while (bytes.size() >= at + 2 && is_tag(read16(&bytes[at]))) at += 4;
  return at;
}

std::optional<Headers> read_headers(std::span<const uint8_t> bytes) {
  const uint32_t at = skip_tags(bytes);
  if (bytes.size() < at + 2) return std::nullopt;
  const uint16_t type = read16(&bytes[at]);
  Headers headers;
  headers.network = at + 2;
  if (type == kTypeIp4 ? !read_ip4(bytes, headers) : type != kTypeIp6 || !read_ip6(bytes, headers))
    return std::nullopt;
  if (!read_transport(bytes, headers)) return std::nullopt;
  return headers;
}

}  // namespace tsvde
