// Reads and writes fields, checksums and addresses in the frames of the guests' network.
#pragma once

#include <netinet/in.h>

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

namespace tsvde::slirp {

using Mac = std::array<uint8_t, 6>;

constexpr size_t kEthernetHeader = 14;
constexpr uint16_t kTypeIpv4 = 0x0800;
constexpr uint16_t kTypeArp = 0x0806;
constexpr uint16_t kTypeIpv6 = 0x86dd;
constexpr uint8_t kUdp = 17;
constexpr uint8_t kIcmpv6 = 58;

inline uint16_t read16(const uint8_t* at) {
  return static_cast<uint16_t>(at[0] << 8 | at[1]);
}

inline void write16(uint8_t* at, size_t value) {
  at[0] = static_cast<uint8_t>(value >> 8);
  at[1] = static_cast<uint8_t>(value);
}

// Returns the EtherType. The frame must have at least a whole Ethernet header.
inline uint16_t ether_type(std::span<const uint8_t> frame) {
  return read16(&frame[12]);
}

// Returns the destination port of a UDP datagram over IPv4, without checking the datagram; 0 for any other
// frame.
inline uint16_t udp_port(std::span<const uint8_t> frame) {
  if (frame.size() < kEthernetHeader + 20 || ether_type(frame) != kTypeIpv4 || frame[23] != kUdp) return 0;
  const size_t udp = kEthernetHeader + size_t{4} * (frame[kEthernetHeader] & 0xf);
  return frame.size() < udp + 8 ? 0 : read16(&frame[udp + 2]);
}

// Returns the checksum of RFC 1071 over `parts`, all of even length except perhaps the last, plus `sum`. The
// result is 0 for bytes that contain their correct checksum.
uint16_t checksum(std::initializer_list<std::span<const uint8_t>> parts, uint32_t sum = 0);

// Return libslirp's MAC address for an IP address: 52:55 and the IPv4 address, or 52:56 and the last four
// bytes of the IPv6 address.
Mac mac_of(const in_addr& address);
Mac mac_of(const in6_addr& address);

// Return addresses as text; a MAC address as "52:54:00:12:34:56".
std::string text_of(const Mac& mac);
std::string text_of(const in_addr& address);
std::string text_of(const in6_addr& address);
[[nodiscard]] bool read_mac(std::string_view text, Mac& mac);

// A UDP datagram over IPv4 that is not a fragment and whose lengths and checksums are correct.
struct Datagram {
  in_addr source, destination;
  uint16_t source_port, destination_port;
  std::span<const uint8_t> payload;
};

// Reads the datagram in a frame. If the frame contains none, returns false and leaves `datagram` in an
// unspecified state.
[[nodiscard]] bool read_datagram(std::span<const uint8_t> frame, Datagram& datagram);

// Writes the headers of a frame in front of a payload that is already at offset kPayload. Returns the size of
// the frame.
constexpr size_t kPayload = kEthernetHeader + 20 + 8;
size_t write_datagram(uint8_t* frame, const Mac& from, const Mac& to, const Datagram& datagram);

}  // namespace tsvde::slirp
