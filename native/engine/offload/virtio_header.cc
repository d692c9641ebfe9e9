#include "engine/offload/virtio_header.h"

#include "engine/offload/ip.h"

namespace tsvde {
namespace {

constexpr uint8_t kNeedsChecksum = 1;
constexpr uint8_t kGsoNone = 0;
constexpr uint8_t kGsoTcp4 = 1;
constexpr uint8_t kGsoTcp6 = 4;
constexpr uint8_t kGsoUdp = 5;  // UDP segments with a header each (USO); not the older IP fragments (UFO)
constexpr uint8_t kGsoEcn = 0x80;

bool read_checksum(const VirtioHeader& header, Frame& frame) {
  const uint32_t tag = frame.size() >= kTagAt + 2 && frame.ether_type() == kTpid ? kTagSize : 0;
  const uint32_t end = uint32_t{header.csum_start} + header.csum_offset + 2;
  if (header.csum_start < kFrameHeader + tag || end > frame.size() || end > kHeadersMax) return false;
  frame.offload.checksum_start = header.csum_start;
  frame.offload.checksum_offset = header.csum_offset;
  return true;
}

Offload::Segmentation segmentation_of(uint8_t gso_type, const Headers& headers) {
  using Segmentation = Offload::Segmentation;
  switch (gso_type) {
    case kGsoTcp4:
      return headers.protocol == kTcp && !headers.v6 ? Segmentation::tcp4 : Segmentation::none;
    case kGsoTcp6:
      return headers.protocol == kTcp && headers.v6 ? Segmentation::tcp6 : Segmentation::none;
    case kGsoUdp:
      return headers.protocol == kUdp ? Segmentation::udp : Segmentation::none;
    default:
      return Segmentation::none;
  }
}

}  // namespace

bool read_virtio_header(const VirtioHeader& header, Frame& frame) {
  frame.offload = {};
  const uint8_t type = header.gso_type & ~kGsoEcn;
  if ((header.flags & kNeedsChecksum) == 0) return type == kGsoNone;
  if (!read_checksum(header, frame)) return false;
  if (type == kGsoNone) return true;

  const auto headers = read_headers({frame.data(), std::min(frame.size(), kHeadersMax)});
  if (!headers || headers->transport != header.csum_start || headers->end != frame.size()) return false;
  const Offload::Segmentation segmentation = segmentation_of(type, *headers);
  if (segmentation == Offload::Segmentation::none || header.gso_size == 0) return false;
  if (header.csum_offset != (segmentation == Offload::Segmentation::udp ? udp::kChecksum : tcp::kChecksum))
    return false;
  const uint32_t payload = frame.size() - headers->payload;
  if (payload > header.gso_size * kSegmentsMost) return false;
  if (payload <= header.gso_size) return true;  // the payload fits into a single frame
  frame.offload.segmentation = segmentation;
  frame.offload.segment_size = header.gso_size;
  frame.offload.header_size = static_cast<uint16_t>(headers->payload);
  frame.offload.ecn = (header.gso_type & kGsoEcn) != 0;
  return true;
}

VirtioHeader virtio_header(const Offload& offload) {
  if (!offload.any()) return {};
  VirtioHeader header{.flags = kNeedsChecksum,
                      .gso_type = kGsoNone,
                      .hdr_len = offload.header_size,
                      .gso_size = offload.segment_size,
                      .csum_start = offload.checksum_start,
                      .csum_offset = offload.checksum_offset};
  switch (offload.segmentation) {
    case Offload::Segmentation::none:
      return header;
    case Offload::Segmentation::tcp4:
      header.gso_type = kGsoTcp4;
      break;
    case Offload::Segmentation::tcp6:
      header.gso_type = kGsoTcp6;
      break;
    case Offload::Segmentation::udp:
      header.gso_type = kGsoUdp;
      break;
  }
  if (offload.ecn) header.gso_type |= kGsoEcn;
  return header;
}

}  // namespace tsvde
