// Reads and writes IPv4 (RFC 791) and UDP (RFC 768) headers; see packet.h.
#include "slirp/packet.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstring>

namespace tsvde::slirp {
namespace {

constexpr size_t kIp = kEthernetHeader;

// Returns the sum of UDP's pseudo-header without the addresses.
uint32_t pseudo_sum(size_t udp_length) {
  return kUdp + static_cast<uint32_t>(udp_length);
}

}  // namespace

uint16_t checksum(std::initializer_list<std::span<const uint8_t>> parts, uint32_t sum) {
  for (const std::span<const uint8_t> part : parts)
    for (size_t i = 0; i < part.size(); i++) sum += i % 2 == 0 ? part[i] << 8 : part[i];
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

Mac mac_of(const in_addr& address) {
  Mac mac = {0x52, 0x55};
  std::memcpy(&mac[2], &address, 4);
  return mac;
}

Mac mac_of(const in6_addr& address) {
  Mac mac = {0x52, 0x56};
  std::memcpy(&mac[2], &address.s6_addr[12], 4);
  return mac;
}

std::string text_of(const Mac& mac) {
  char text[18];
  std::snprintf(text, sizeof text, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
                mac[5]);
  return text;
}

std::string text_of(const in_addr& address) {
  char text[INET_ADDRSTRLEN];
  return inet_ntop(AF_INET, &address, text, sizeof text);
}

std::string text_of(const in6_addr& address) {
  char text[INET6_ADDRSTRLEN];
  return inet_ntop(AF_INET6, &address, text, sizeof text);
}

bool read_mac(std::string_view text, Mac& mac) {
  if (text.size() != 17) return false;
  for (size_t i = 0; i < mac.size(); i++) {
    const char* at = text.data() + 3 * i;
    if (std::from_chars(at, at + 2, mac[i], 16).ptr != at + 2 || (i < 5 && at[2] != ':')) return false;
  }
  return true;
}

bool read_datagram(std::span<const uint8_t> frame, Datagram& datagram) {
  if (frame.size() < kPayload || ether_type(frame) != kTypeIpv4 || frame[kIp] >> 4 != 4 ||
      frame[kIp + 9] != kUdp)
    return false;
  const size_t header = size_t{4} * (frame[kIp] & 0xf);
  const size_t length = read16(&frame[kIp + 2]);
  if (header < 20 || header + 8 > length || kIp + length > frame.size()) return false;
  if ((read16(&frame[kIp + 6]) & 0x3fff) != 0 || checksum({frame.subspan(kIp, header)}) != 0) return false;
  const auto udp = frame.subspan(kIp + header, length - header);
  const size_t udp_length = read16(&udp[4]);
  if (udp_length < 8 || udp_length > udp.size()) return false;
  const auto addresses = frame.subspan(kIp + 12, 8);
  if (read16(&udp[6]) != 0 && checksum({addresses, udp.first(udp_length)}, pseudo_sum(udp_length)) != 0)
    return false;
  std::memcpy(&datagram.source, &addresses[0], 4);
  std::memcpy(&datagram.destination, &addresses[4], 4);
  datagram.source_port = read16(&udp[0]);
  datagram.destination_port = read16(&udp[2]);
  datagram.payload = udp.subspan(8, udp_length - 8);
  return true;
}

size_t write_datagram(uint8_t* frame, const Mac& from, const Mac& to, const Datagram& datagram) {
  std::ranges::copy(to, frame);
  std::ranges::copy(from, frame + 6);
  write16(frame + 12, kTypeIpv4);
  uint8_t* const ip = frame + kIp;
  uint8_t* const udp = ip + 20;
  const size_t udp_length = 8 + datagram.payload.size();
  constexpr uint8_t kVersionAndLength = 0x45;
  constexpr uint8_t kHops = 64;
  std::memset(ip, 0, 20 + 8);
  ip[0] = kVersionAndLength;
  write16(ip + 2, 20 + udp_length);
  ip[8] = kHops;
  ip[9] = kUdp;
  std::memcpy(ip + 12, &datagram.source, 4);
  std::memcpy(ip + 16, &datagram.destination, 4);
  write16(ip + 10, checksum({{ip, 20}}));
  write16(udp, datagram.source_port);
  write16(udp + 2, datagram.destination_port);
  write16(udp + 4, udp_length);
  const uint16_t sum = checksum({{ip + 12, 8}, {udp, udp_length}}, pseudo_sum(udp_length));
  write16(udp + 6, sum == 0 ? 0xffff : sum);
  return kEthernetHeader + 20 + udp_length;
}

}  // namespace tsvde::slirp
