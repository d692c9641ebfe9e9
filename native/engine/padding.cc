#include "engine/padding.h"

#include "engine/offload/ip.h"

namespace tsvde {
namespace {

constexpr uint16_t kArp = 0x0806;
constexpr uint32_t kLongestPadded = kFramePadded + kTagSize;

// Sizes and offsets of an ARP packet (RFC 826).
constexpr uint32_t kArpHeader = 8;
constexpr uint32_t kArpHardwareSize = 4;
constexpr uint32_t kArpProtocolSize = 5;

// Each of these functions returns the size that the packet's header gives, or 0 if the header is invalid.

uint32_t ip4_size(std::span<const uint8_t> packet) {
  if (packet.size() < ip4::kSize || packet[0] >> 4 != 4) return 0;
  const uint32_t header = (packet[0] & 0xfu) * 4;
  const uint32_t size = read16(&packet[ip4::kLength]);
  return header >= ip4::kSize && size >= header ? size : 0;
}

uint32_t ip6_size(std::span<const uint8_t> packet) {
  if (packet.size() < ip6::kSize || packet[0] >> 4 != 6) return 0;
  return ip6::kSize + read16(&packet[ip6::kLength]);
}

uint32_t arp_size(std::span<const uint8_t> packet) {
  if (packet.size() < kArpHeader) return 0;
  return kArpHeader + 2u * (packet[kArpHardwareSize] + packet[kArpProtocolSize]);
}

uint32_t packet_size(uint16_t type, std::span<const uint8_t> packet) {
  switch (type) {
    case kTypeIp4:
      return ip4_size(packet);
    case kTypeIp6:
      return ip6_size(packet);
    case kArp:
      return arp_size(packet);
    default:
      return type < kLeastEtherType ? type : 0;
  }
}

}  // namespace

uint32_t size_without_padding(const Frame& frame) {
  const uint32_t size = frame.size();
  if (size > kLongestPadded || size < kFrameHeader) return size;
  std::array<uint8_t, kLongestPadded> room;
  uint32_t copied = 0;
  for (const iovec& part : frame.all_parts()) {
    if (part.iov_len > 0) std::memcpy(&room[copied], part.iov_base, part.iov_len);
    copied += static_cast<uint32_t>(part.iov_len);
  }
  const std::span<const uint8_t> bytes(room.data(), size);
  const uint32_t type_at = skip_tags(bytes);
  const uint32_t packet_at = type_at + 2;
  // A frame is padded before a tag is added to it, so a tagged frame may be longer.
  if (packet_at > size || size > kFramePadded + type_at - kTagAt) return size;
  const uint32_t end = packet_at + packet_size(read16(&bytes[type_at]), bytes.subspan(packet_at));
  return end > packet_at ? std::min(end, size) : size;
}

}  // namespace tsvde
