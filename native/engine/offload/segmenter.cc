#include "engine/offload/segmenter.h"

#include "engine/offload/checksum.h"
#include "engine/offload/ip.h"

namespace tsvde {
namespace {

std::array<uint8_t, kFramePadded> zeroes{};

// Copies the first `size` bytes of the frame to `to`, and fills `rest` with the parts that follow these
// bytes.
void split(const Frame& frame, uint32_t size, uint8_t* to, std::span<iovec> rest, uint32_t& rest_count) {
  rest_count = 0;
  for (const iovec& part : frame.all_parts()) {
    auto* bytes = static_cast<uint8_t*>(part.iov_base);
    const size_t taken = std::min<size_t>(size, part.iov_len);
    to = std::copy_n(bytes, taken, to);
    size -= static_cast<uint32_t>(taken);
    if (taken < part.iov_len && rest_count < rest.size())
      rest[rest_count++] = {bytes + taken, part.iov_len - taken};
  }
}

void fix_ip4(uint8_t* ip, uint32_t length, uint32_t index) {
  write16(ip + ip4::kLength, length);
  write16(ip + ip4::kId, read16(ip + ip4::kId) + index);
  put_word(ip + ip4::kChecksum, 0);
  Sum sum;
  sum.add({ip, size_t{ip[0] & 0xfu} * 4});
  put_word(ip + ip4::kChecksum, sum.checksum());
}

// Adjusts the TCP header of a segment. Only the last segment keeps FIN and PSH, and only the first keeps CWR.
void fix_tcp(uint8_t* tcp, uint32_t sent, bool last) {
  write32(tcp + tcp::kSequence, read32(tcp + tcp::kSequence) + sent);
  if (!last) tcp[tcp::kFlags] &= static_cast<uint8_t>(~(tcp::kFin | tcp::kPsh));
  if (sent > 0) tcp[tcp::kFlags] &= static_cast<uint8_t>(~tcp::kCwr);
}

uint16_t big_endian(uint32_t length) {
  uint8_t bytes[2];
  write16(bytes, length);
  return word(bytes);
}

}  // namespace

void Segmenter::start(const Frame& frame) {
  source_ = &frame;
  at_ = count_ = 0;
  const Offload& offload = frame.offload;
  if (offload.segment_size == 0) return;
  std::array<iovec, 3> rest;
  uint32_t rest_count = 0;
  split(frame, offload.header_size, header_.data(), rest, rest_count);
  payload_ = static_cast<uint8_t*>(rest[0].iov_base);  // contiguous: a tag splits only the headers
  size_ = static_cast<uint32_t>(rest[0].iov_len);
  const auto headers = read_headers({header_.data(), offload.header_size});
  network_ = headers ? headers->network : 0;  // the 0 is never used: receive() validated the headers
}

Frame* Segmenter::next() {
  if (source_ == nullptr) return nullptr;
  Slot& slot = slots_[next_slot_++ % kBatch];
  slot.frame.cast = source_->cast;
  if (source_->offload.segment_size == 0) {
    complete(slot);
  } else {
    segment(slot);
  }
  return &slot.frame;
}

void Segmenter::complete(Slot& slot) {
  const Offload& offload = source_->offload;
  const uint32_t field = uint32_t{offload.checksum_start} + offload.checksum_offset;
  uint32_t rest = 0;
  slot.frame.parts[0] = {slot.header.data(), field + 2};
  split(*source_, field + 2, slot.header.data(), std::span(slot.frame.parts).subspan(1), rest);
  slot.frame.part_count = 1 + rest;
  Sum sum;
  sum.add({&slot.header[offload.checksum_start], field + 2 - offload.checksum_start});
  for (const iovec& part : std::span(slot.frame.parts).subspan(1, rest)) {
    sum.add({static_cast<const uint8_t*>(part.iov_base), part.iov_len});
  }
  // A UDP checksum of 0 means that there is none, so 0 is written as 0xffff. In other protocols, both values
  // are equivalent.
  const uint16_t checksum = sum.checksum();
  put_word(&slot.header[field], checksum == 0 ? 0xffff : checksum);
  source_ = nullptr;
}

void Segmenter::segment(Slot& slot) {
  const Offload& offload = source_->offload;
  const uint32_t payload = std::min<uint32_t>(offload.segment_size, size_ - at_);
  const bool last = at_ + payload == size_;
  const uint32_t length =
      offload.header_size - offload.checksum_start + payload;  // TCP or UDP header, and payload
  uint8_t* ip = &slot.header[network_];
  uint8_t* transport = &slot.header[offload.checksum_start];
  std::copy_n(header_.data(), offload.header_size, slot.header.data());
  if (ip[0] >> 4 == 4) {
    fix_ip4(ip, offload.checksum_start - network_ + length, count_);
  } else {
    write16(ip + ip6::kLength, offload.checksum_start - network_ - ip6::kSize + length);
  }
  if (offload.segmentation == Offload::Segmentation::udp) {
    write16(transport + udp::kLength, length);
  } else {
    fix_tcp(transport, at_, last);
  }

  // The checksum field contains the sum of the pseudo-header, in which only the length has changed.
  Sum sum;
  sum.add_word(big_endian(length));
  sum.subtract_word(big_endian(offload.header_size - offload.checksum_start + size_));
  sum.add({transport, uint32_t{offload.header_size} - offload.checksum_start});
  sum.add({payload_ + at_, payload});
  uint16_t checksum = sum.checksum();
  if (offload.segmentation == Offload::Segmentation::udp && checksum == 0) checksum = 0xffff;
  put_word(transport + offload.checksum_offset, checksum);

  slot.frame.parts = {iovec{slot.header.data(), offload.header_size},
                      iovec{const_cast<uint8_t*>(payload_) + at_, payload}, iovec{}};
  slot.frame.part_count = 2;
  const uint32_t size = offload.header_size + payload;
  if (size < kFramePadded) {
    slot.frame.parts[2] = {zeroes.data(), kFramePadded - size};
    slot.frame.part_count = 3;
  }
  at_ += payload;
  count_++;
  if (last) source_ = nullptr;
}

}  // namespace tsvde
