#include "engine/offload/coalescer.h"

#include "engine/offload/checksum.h"

namespace tsvde {
namespace {

bool same(const uint8_t* a, const uint8_t* b, uint32_t from, uint32_t to) {
  return std::memcmp(a + from, b + from, to - from) == 0;
}

// The sum of the pseudo-header of a TCP checksum (RFC 9293, 3.1; RFC 8200, 8.1).
Sum pseudo_header(const uint8_t* ip, bool v6, uint32_t length) {
  uint8_t words[4] = {0, kTcp, 0, 0};
  write16(&words[2], length);
  Sum sum;
  sum.add(v6 ? std::span(ip + ip6::kAddresses, 32) : std::span(ip + ip4::kAddresses, 8));
  sum.add(words);
  return sum;
}

bool ip4_may_be_coalesced(const uint8_t* ip) {
  constexpr uint8_t kVersionAndSize = 0x45;  // no options
  if (ip[0] != kVersionAndSize || (read16(ip + ip4::kFragment) & ~ip4::kDontFragment) != 0) return false;
  Sum sum;
  sum.add({ip, ip4::kChecksum});
  sum.add({ip + ip4::kAddresses, 8});
  return sum.checksum() == word(ip + ip4::kChecksum);
}

bool tcp_may_be_coalesced(const uint8_t* tcp) {
  constexpr uint8_t kAllowed = tcp::kAckFlag | tcp::kPsh | tcp::kFin | tcp::kEce;
  const uint8_t flags = tcp[tcp::kFlags];
  return (flags & ~kAllowed) == 0 && (flags & tcp::kAckFlag) != 0 && (tcp[tcp::kOffset] & 0xf) == 0;
}

}  // namespace

uint32_t Coalescer::coalesce(std::span<Frame*> frames) {
  runs_used_ = parts_used_ = 0;
  uint32_t left = 0;
  Segment segment;
  for (Frame* frame : frames) {
    const bool may = read(*frame, segment);
    if (may && open_ && continues(segment) && (coalesced_ > 0 || has_right_checksum(first_)) &&
        has_right_checksum(segment)) {
      if (coalesced_ == 0) begin_run(frames[left - 1]);
      append(segment);
      continue;
    }
    close();
    if (may && !segment.ends()) open(segment);
    frames[left++] = frame;
  }
  close();
  return left;
}

bool Coalescer::read(Frame& frame, Segment& segment) {
  if (frame.offload.any()) return false;
  // The headers may be in several parts: in a tagged or untagged view, the addresses and any tag that was
  // added are in earlier parts than the EtherType, the other headers and the payload.
  const uint32_t size = frame.size();
  const uint32_t wanted = std::min(size, kHeaders);
  uint32_t copied = 0;
  for (const iovec& part : frame.all_parts()) {
    const auto taken = static_cast<uint32_t>(std::min<size_t>(wanted - copied, part.iov_len));
    std::memcpy(&segment.header[copied], part.iov_base, taken);
    copied += taken;
  }
  const auto headers = read_headers({segment.header.data(), wanted});
  if (!headers || headers->protocol != kTcp || headers->extended) return false;
  if (headers->end != size || headers->payload == size) return false;
  segment.at = *headers;
  if (!headers->v6 && !ip4_may_be_coalesced(segment.ip())) return false;
  if (!tcp_may_be_coalesced(segment.tcp())) return false;
  if (frame.borrowed) frame.gather();  // its checksum is verified, so its bytes must not change
  const iovec& last = frame.all_parts().back();
  segment.payload.iov_len = size - headers->payload;
  if (last.iov_len < segment.payload.iov_len) return false;
  segment.payload.iov_base = static_cast<uint8_t*>(last.iov_base) + (last.iov_len - segment.payload.iov_len);
  return true;
}

// Returns whether the segment's TCP checksum is the one that segmenting would give it.
bool Coalescer::has_right_checksum(const Segment& segment) {
  const uint8_t* tcp = segment.tcp();
  Sum sum = pseudo_header(segment.ip(), segment.at.v6, segment.at.end - segment.at.transport);
  sum.add({tcp, segment.at.payload - segment.at.transport});
  sum.subtract_word(word(tcp + tcp::kChecksum));
  sum.add({static_cast<const uint8_t*>(segment.payload.iov_base), segment.payload.iov_len});
  return sum.checksum() == word(tcp + tcp::kChecksum);
}

bool Coalescer::continues(const Segment& next) const {
  const Headers& at = first_.at;
  if (next.at.v6 != at.v6 || next.at.network != at.network || next.at.transport != at.transport ||
      next.at.payload != at.payload)
    return false;
  if ((flags_ & (tcp::kFin | tcp::kPsh)) != 0 || size_ % first_.payload.iov_len != 0) return false;
  if (next.payload.iov_len > first_.payload.iov_len) return false;
  if (at.payload - at.network + size_ + next.payload.iov_len > kFrameMax) return false;
  if (!same(next.header.data(), first_.header.data(), 0, at.network)) return false;

  const uint8_t* ip = next.ip();
  const uint8_t* first_ip = first_.ip();
  if (at.v6) {
    if (!same(ip, first_ip, 0, ip6::kLength) || !same(ip, first_ip, ip6::kNext, ip6::kSize)) return false;
  } else {
    const uint32_t id = read16(first_ip + ip4::kId) + std::max(coalesced_, 1u);
    if (read16(ip + ip4::kId) != (id & 0xffff)) return false;
    if (!same(ip, first_ip, 0, ip4::kLength) || !same(ip, first_ip, ip4::kFragment, ip4::kChecksum) ||
        !same(ip, first_ip, ip4::kAddresses, ip4::kSize))
      return false;
  }
  const uint8_t* tcp = next.tcp();
  const uint8_t* first_tcp = first_.tcp();
  constexpr uint8_t kMayDiffer = tcp::kFin | tcp::kPsh;
  return read32(tcp + tcp::kSequence) == static_cast<uint32_t>(read32(first_tcp + tcp::kSequence) + size_) &&
         same(tcp, first_tcp, 0, tcp::kSequence) && same(tcp, first_tcp, tcp::kAck, tcp::kFlags) &&
         (tcp[tcp::kFlags] & ~kMayDiffer) == first_tcp[tcp::kFlags] &&
         same(tcp, first_tcp, tcp::kWindow, tcp::kChecksum) &&
         same(tcp, first_tcp, tcp::kUrgent, at.payload - at.transport);
}

void Coalescer::open(const Segment& first) {
  first_ = first;
  open_ = true;
  coalesced_ = 0;
  size_ = static_cast<uint32_t>(first.payload.iov_len);
  flags_ = first.tcp()[tcp::kFlags];
}

void Coalescer::begin_run(Frame*& frame) {
  Run& run = runs_[runs_used_++];
  run.header = first_.header;
  run.frame.cast = frame->cast;
  run.frame.list = &parts_[parts_used_];
  run.frame.part_count = 2;
  parts_[parts_used_++] = {run.header.data(), first_.at.payload};
  parts_[parts_used_++] = first_.payload;
  run.frame.parts[0] = run.frame.list[0];
  coalesced_ = 1;
  frame = &run.frame;
}

void Coalescer::append(const Segment& segment) {
  parts_[parts_used_++] = segment.payload;
  runs_[runs_used_ - 1].frame.part_count++;
  coalesced_++;
  size_ += static_cast<uint32_t>(segment.payload.iov_len);
  flags_ = segment.tcp()[tcp::kFlags];
}

void Coalescer::close() {
  if (open_ && coalesced_ > 0) {
    auto& [frame, header] = runs_[runs_used_ - 1];
    const Headers& at = first_.at;
    const uint32_t length = at.payload - at.transport + size_;
    uint8_t* ip = &header[at.network];
    uint8_t* tcp = &header[at.transport];
    if (at.v6) {
      write16(ip + ip6::kLength, length);
    } else {
      write16(ip + ip4::kLength, ip4::kSize + length);
      put_word(ip + ip4::kChecksum, 0);
      Sum sum;
      sum.add({ip, ip4::kSize});
      put_word(ip + ip4::kChecksum, sum.checksum());
    }
    tcp[tcp::kFlags] = flags_;
    put_word(tcp + tcp::kChecksum, pseudo_header(ip, at.v6, length).folded());
    frame.offload = {.checksum_start = static_cast<uint16_t>(at.transport),
                     .checksum_offset = tcp::kChecksum,
                     .header_size = static_cast<uint16_t>(at.payload),
                     .segment_size = static_cast<uint16_t>(first_.payload.iov_len),
                     .segmentation = at.v6 ? Offload::Segmentation::tcp6 : Offload::Segmentation::tcp4};
  }
  open_ = false;
}

}  // namespace tsvde
