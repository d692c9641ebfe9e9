// The virtio-net header and the segmenter, behind a hostile guest. Whatever header is accepted, the frames on
// the wire have right checksums and lengths, and together the payload of the datagram. Headers are found and
// sums are made here without the engine's code.
#include "engine/offload/segmenter.h"
#include "fuzz/target.h"
#include "test/datagrams.h"

using namespace tsvde;
using namespace tsvde::fuzz;
using test::Bytes;

namespace {

using Segmentation = Offload::Segmentation;

uint32_t at16(const Bytes& bytes, size_t at) {
  require(at + 2 <= bytes.size(), "a field lies within its frame");
  return uint32_t{bytes[at]} << 8 | bytes[at + 1];
}

uint32_t at32(const Bytes& bytes, size_t at) {
  return at16(bytes, at) << 16 | at16(bytes, at + 2);
}

// The one's complement sum of RFC 1071, byte by byte.
uint32_t sum(const Bytes& bytes, size_t from, size_t to, uint32_t before = 0) {
  require(from <= to && to <= bytes.size(), "the summed bytes lie within their frame");
  return test::plain_sum(bytes, from, to, before);
}

// A datagram with its headers, as a receiver finds them.
class Packet {
 public:
  // `transport` is where the TCP or UDP header begins.
  Packet(Bytes bytes, size_t transport, bool is_udp)
      : bytes_(std::move(bytes)), transport_(transport), is_udp_(is_udp) {
    size_t type = 12;
    while (at16(bytes_, type) == 0x8100 || at16(bytes_, type) == 0x88a8) type += 4;
    ip_ = type + 2;
    v6_ = at16(bytes_, type) == 0x86dd;
    require(v6_ || at16(bytes_, type) == 0x0800, "only IP is segmented");
  }

  [[nodiscard]] size_t field() const { return transport_ + (is_udp_ ? 6 : 16); }
  [[nodiscard]] size_t payload() const {
    return transport_ + (is_udp_ ? 8 : bytes_[transport_ + 12] / 16 * 4);
  }
  [[nodiscard]] size_t end() const {
    return v6_ ? ip_ + 40 + at16(bytes_, ip_ + 4) : ip_ + at16(bytes_, ip_ + 2);
  }
  [[nodiscard]] uint32_t pseudo_sum() const {
    const size_t addresses = ip_ + (v6_ ? 8 : 12);
    const uint32_t length = static_cast<uint32_t>(end() - transport_) + (is_udp_ ? 17 : 6);
    return sum(bytes_, addresses, addresses + (v6_ ? 32 : 8), (length & 0xffff) + (length >> 16));
  }

  // Checks a segment that carries `size` bytes of the payload from `at` on.
  void check(const Packet& whole, size_t at, size_t size, uint32_t index, bool last) const {
    require(payload() == whole.payload() && end() == payload() + size, "the lengths are right");
    require(bytes_.size() == std::max<size_t>(end(), kFramePadded),
            "the segment has no more than its padding");
    require(
        std::equal(bytes_.begin() + static_cast<long>(payload()), bytes_.begin() + static_cast<long>(end()),
                   whole.bytes_.begin() + static_cast<long>(whole.payload() + at)),
        "the payload is the next of the datagram's");
    require(constant_headers() == whole.constant_headers(), "the other fields are the datagram's");
    const uint32_t summed = sum(bytes_, transport_, end(), pseudo_sum());
    require(summed == 0xffff, "the checksum is right");
    require(!is_udp_ || at16(bytes_, field()) != 0, "a UDP checksum of 0 would mean that there is none");
    if (!v6_) {
      require(sum(bytes_, ip_, ip_ + size_t{4} * (bytes_[ip_] & 0xf)) == 0xffff, "IPv4's checksum is right");
      require(at16(bytes_, ip_ + 4) == ((at16(whole.bytes_, ip_ + 4) + index) & 0xffff), "the id follows");
    }
    if (is_udp_) {
      require(at16(bytes_, transport_ + 4) == end() - transport_, "UDP's length is right");
      return;
    }
    require(at32(bytes_, transport_ + 4) == static_cast<uint32_t>(at32(whole.bytes_, transport_ + 4) + at),
            "the sequence number follows");
    uint8_t flags = whole.bytes_[transport_ + 13];
    if (!last) flags &= 0xf6;   // only the last segment has FIN or PSH
    if (at > 0) flags &= 0x7f;  // only the first segment has CWR
    require(bytes_[transport_ + 13] == flags, "the flags are right");
  }

 private:
  // The headers without the fields that differ from segment to segment.
  [[nodiscard]] Bytes constant_headers() const {
    Bytes headers(bytes_.begin(), bytes_.begin() + static_cast<long>(payload()));
    for (const size_t at : v6_ ? std::vector{ip_ + 4} : std::vector{ip_ + 2, ip_ + 4, ip_ + 10})
      test::set16(headers, at, 0);
    test::set16(headers, field(), 0);
    test::set16(headers, transport_ + 4, 0);
    if (is_udp_) return headers;
    test::set16(headers, transport_ + 6, 0);
    headers[transport_ + 13] = 0;
    return headers;
  }

  Bytes bytes_;
  size_t transport_;
  bool is_udp_;
  size_t ip_ = 0;
  bool v6_ = false;
};

// The frame that the input describes: a datagram of which bytes may be changed, or any bytes.
Bytes some_frame(Input& input, VirtioHeader& header) {
  const uint8_t kind = input.byte();
  header = {};
  if (kind % 8 == 7) {
    header = input.next<VirtioHeader>();
    Bytes bytes = input.bytes(400);
    bytes.resize(std::max<size_t>(bytes.size(), 14));
    return bytes;
  }
  test::Datagram d;
  d.v6 = (kind & 8) != 0;
  d.is_udp = (kind & 16) != 0;
  d.tags = kind / 32 % 3;
  if (input.one_in(4)) d.ip_options = Bytes(d.v6 ? 8 : 4 * (1 + input.below(10)), 0);
  if (input.one_in(2)) d.tcp_options = Bytes(size_t{4} * input.below(11), 1);
  d.flags = input.byte();
  d.id = input.next<uint16_t>();
  d.sequence = input.next<uint32_t>();
  d.segment = input.one_in(4) ? input.next<uint16_t>() : 1 + input.byte();
  d.payload = Bytes(input.one_in(8) ? input.next<uint16_t>() % 65'400 : input.next<uint16_t>() % 2000);
  for (size_t i = 0; i < d.payload.size(); i++) d.payload[i] = static_cast<uint8_t>(i * 5 + i / 256);
  header = test::header_of(d);
  if (input.one_in(8)) header.gso_type = input.byte();
  if (input.one_in(16)) header.csum_start = input.next<uint16_t>();
  if (input.one_in(16)) header.csum_offset = input.byte();
  Bytes bytes = test::whole_frame(d);
  for (uint32_t changes = kind % 8 < 4 ? 0 : kind % 8 - 3; changes > 0; changes--)
    bytes[input.byte() % std::min<size_t>(bytes.size(), 160)] = input.byte();
  return bytes;
}

// Reads the frame's header as an endpoint does, and leaves the sum of the pseudo-header in the checksum
// field, as an honest guest would, so that the checksums of the segments must be right.
bool receive(const VirtioHeader& header, test::Slot& slot) {
  const bool accepted = read_virtio_header(header, slot.frame);
  const Offload& offload = slot.frame.offload;
  require(accepted || (header.flags & 1) != 0 || header.gso_type != 0,
          "a frame without offloads is accepted");
  if (!accepted || offload.segment_size == 0) return accepted;
  require(slot.frame.frames() <= kSegmentsMost, "a datagram has a limited number of segments");
  const Packet whole(slot.frame.copy(), offload.checksum_start, offload.segmentation == Segmentation::udp);
  test::set16(slot.room, whole.field(), whole.pseudo_sum());
  const VirtioHeader again = virtio_header(offload);
  Frame copy = slot.frame;
  require(read_virtio_header(again, copy), "an accepted header is accepted from us, too");
  require(std::memcmp(&copy.offload, &offload, sizeof offload) == 0, "and means the same");
  return true;
}

void complete(const Frame& frame, Segmenter& segmenter) {
  const Offload& offload = frame.offload;
  Bytes expected = frame.copy();
  const size_t field = size_t{offload.checksum_start} + offload.checksum_offset;
  const uint32_t checksum = ~sum(expected, offload.checksum_start, expected.size()) & 0xffff;
  test::set16(expected, field, checksum == 0 ? 0xffff : checksum);
  segmenter.start(frame);
  const Frame* one = segmenter.next();
  require(one != nullptr && one->copy() == expected, "only the checksum changes, and is right");
  require(segmenter.next() == nullptr, "a frame without segments stays one");
}

void segment(const Frame& frame, Segmenter& segmenter) {
  const Offload& offload = frame.offload;
  const bool is_udp = offload.segmentation == Segmentation::udp;
  const Packet whole(frame.copy(), offload.checksum_start, is_udp);
  const size_t all = frame.size() - whole.payload();
  uint32_t index = 0;
  size_t at = 0;
  uint64_t bytes = 0;
  segmenter.start(frame);
  while (const Frame* one = segmenter.next()) {
    const size_t size = std::min<size_t>(offload.segment_size, all - at);
    require(size > 0, "no segment is empty");
    Packet(one->copy(), offload.checksum_start, is_udp).check(whole, at, size, index, at + size == all);
    at += size;
    index++;
    bytes += one->size();
  }
  require(at == all && index == frame.frames() && bytes == frame.bytes(), "the segments are the datagram");
}

}  // namespace

FUZZ_TARGET(virtio) {
  static Segmenter segmenter;
  while (!input.empty()) {
    VirtioHeader header;
    test::Slot slot(some_frame(input, header));
    if (!receive(header, slot)) continue;
    if (slot.frame.largest() > kFrameMax) continue;  // the switch drops it
    slot.frame.pad();
    slot.frame.vlan = 5;
    slot.frame.tagged = slot.frame.ether_type() == kTpid;
    Frame view = slot.frame;
    std::array<uint8_t, kTagSize> tag;
    if (input.one_in(3)) {
      if (slot.frame.tagged) {
        slot.frame.make_untagged_view(view);
      } else {
        slot.frame.make_tagged_view(view, tag.data());
      }
    }
    if (!view.offload.any()) continue;
    if (view.offload.segment_size == 0) {
      complete(view, segmenter);
    } else {
      segment(view, segmenter);
    }
  }
}
