// Finds the headers of a TCP or UDP frame: Ethernet with any number of tags, IPv4 or IPv6, TCP or UDP.
// Nothing is read beyond the given bytes.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

namespace tsvde {

constexpr uint16_t kTypeIp4 = 0x0800;  // EtherTypes
constexpr uint16_t kTypeIp6 = 0x86dd;
constexpr uint8_t kTcp = 6;  // IANA protocol numbers
constexpr uint8_t kUdp = 17;

// Sizes of the IPv4, IPv6, TCP and UDP headers, and offsets of their fields (RFC 791, 8200, 9293, 768).
namespace ip4 {
constexpr uint32_t kSize = 20, kTos = 1, kLength = 2, kId = 4, kFragment = 6, kTtl = 8, kProtocol = 9,
                   kChecksum = 10, kAddresses = 12;
constexpr uint16_t kDontFragment = 0x4000;
}  // namespace ip4
namespace ip6 {
constexpr uint32_t kSize = 40, kLength = 4, kNext = 6, kHopLimit = 7, kAddresses = 8;
}
namespace tcp {
constexpr uint32_t kSize = 20, kSequence = 4, kAck = 8, kOffset = 12, kFlags = 13, kWindow = 14,
                   kChecksum = 16, kUrgent = 18;
constexpr uint8_t kFin = 0x01, kPsh = 0x08, kAckFlag = 0x10, kEce = 0x40, kCwr = 0x80;
}  // namespace tcp
namespace udp {
constexpr uint32_t kSize = 8, kLength = 4, kChecksum = 6;
}

inline uint16_t read16(const uint8_t* at) {
  return static_cast<uint16_t>(at[0] << 8 | at[1]);
}
inline uint32_t read32(const uint8_t* at) {
  return uint32_t{read16(at)} << 16 | read16(at + 2);
}
inline void write16(uint8_t* at, uint32_t value) {
  at[0] = static_cast<uint8_t>(value >> 8);
  at[1] = static_cast<uint8_t>(value);
}
inline void write32(uint8_t* at, uint32_t value) {
  write16(at, value >> 16);
  write16(at + 2, value);
}
// Returns a 16-bit word in the byte order of memory, as Sum takes it.
inline uint16_t word(const uint8_t* at) {
  uint16_t word = 0;
  std::memcpy(&word, at, sizeof word);
  return word;
}
inline void put_word(uint8_t* at, uint16_t word) {
  std::memcpy(at, &word, sizeof word);
}

struct Headers {
  bool v6 = false;
  bool extended = false;  // there are IPv6 extension headers
  uint8_t protocol = 0;   // kTcp or kUdp
  uint32_t network = 0;   // the offset of the IP header
  uint32_t transport = 0;
  uint32_t payload = 0;
  uint32_t end = 0;  // the end of the datagram according to its IP header; may be beyond the given bytes
};

// Returns the offset of the EtherType that follows all tags. The EtherType may be beyond the given bytes.
[[nodiscard]] uint32_t skip_tags(std::span<const uint8_t> bytes);

// Finds the headers in `bytes`, which are the frame or its beginning. Returns nullopt if the frame is not a
// TCP or UDP frame.
[[nodiscard]] std::optional<Headers> read_headers(std::span<const uint8_t> bytes);

}  // namespace tsvde
