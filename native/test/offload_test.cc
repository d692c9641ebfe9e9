// Tests segmenting, completing checksums and coalescing: compares the results with frames that were made one
// by one.
#include "engine/offload/coalescer.h"
#include "engine/offload/segmenter.h"
#include "test/datagrams.h"

using namespace tsvde;
using namespace tsvde::test;

namespace {

// Returns the frames on the wire that `frame` stands for.
std::vector<Bytes> segments_of(const Frame& frame) {
  static Segmenter segmenter;
  if (!frame.offload.any()) return {frame.copy()};
  std::vector<Bytes> all;
  segmenter.start(frame);
  while (const Frame* one = segmenter.next()) all.push_back(one->copy());
  return all;
}

struct Coalesced {
  std::vector<Bytes> frames;  // after coalescing and segmenting
  size_t writes;              // the number of frames after coalescing, before segmenting
};

Coalesced coalesce_and_segment(const std::vector<Bytes>& given) {
  static Coalescer coalescer;
  std::deque<Slot> slots;
  std::vector<Frame*> frames;
  for (const Bytes& bytes : given) frames.push_back(&slots.emplace_back(bytes).frame);
  const uint32_t left = coalescer.coalesce(frames);
  Coalesced coalesced{{}, left};
  for (uint32_t i = 0; i < left; i++) {
    Slot whole(frames[i]->copy());
    whole.frame.offload = frames[i]->offload;
    const auto segments = segments_of(whole.frame);
    CHECK(frames[i]->frames() == segments.size());
    uint64_t bytes = 0;
    for (const Bytes& one : segments) bytes += one.size();
    CHECK(frames[i]->bytes() == bytes);
    coalesced.frames.insert(coalesced.frames.end(), segments.begin(), segments.end());
  }
  return coalesced;
}

Datagram tcp_data(size_t payload, uint32_t segment = 1448) {
  Datagram d;
  d.payload = random_bytes(payload);
  d.segment = segment;
  return d;
}

Bytes tagged(Bytes bytes) {
  const Bytes tag = {0x81, 0, 0, 7};
  bytes.insert(bytes.begin() + 12, tag.begin(), tag.end());
  return bytes;
}

}  // namespace

TEST("a whole datagram is segmented into the frames that would have been sent one by one") {
  for (int round = 0; round < rounds(2000); round++) {
    const Datagram d = random_datagram();
    Slot slot(whole_frame(d));
    CHECK(read_virtio_header(header_of(d), slot.frame));
    slot.frame.pad();
    const auto expected = wire_frames(d);
    CHECK(slot.frame.frames() == expected.size());
    CHECK(segments_of(slot.frame) == expected);
  }
}

TEST("a datagram whose tag is added or removed on the way is segmented into the right frames") {
  for (int round = 0; round < 500; round++) {
    Datagram d = random_datagram();
    d.tags = static_cast<int>(random_below(2));
    Slot slot(whole_frame(d));
    CHECK(read_virtio_header(header_of(d), slot.frame));
    slot.frame.pad();
    Frame view;
    std::array<uint8_t, kTagSize> tag{};
    slot.frame.vlan = 7;
    slot.frame.make_tagged_view(view, tag.data());
    std::vector<Bytes> expected = wire_frames(d);
    if (d.payload.size() > d.segment) {
      // The tag is added first, and then the padding.
      for (size_t i = 0; i < expected.size(); i++) {
        const size_t real = layout(d).payload + std::min<size_t>(d.segment, d.payload.size() - i * d.segment);
        expected[i].resize(real);
        expected[i] = tagged(expected[i]);
        expected[i].resize(std::max<size_t>(expected[i].size(), 60));
      }
    } else {
      expected[0] = tagged(expected[0]);
    }
    CHECK(segments_of(view) == expected);
    if (d.tags == 1) {
      slot.frame.make_untagged_view(view);
      d.tags = 0;
      CHECK(segments_of(view) == wire_frames(d));
    }
  }
}

TEST("only the first segment has CWR, and only the last has FIN and PSH") {
  Datagram d = tcp_data(3000, 1000);
  d.flags = 0x99;
  Slot slot(whole_frame(d));
  VirtioHeader header = header_of(d);
  header.gso_type |= 0x80;
  CHECK(read_virtio_header(header, slot.frame));
  CHECK(slot.frame.offload.ecn && virtio_header(slot.frame.offload).gso_type == 0x81);
  const auto segments = segments_of(slot.frame);
  CHECK(segments == wire_frames(d));
  CHECK(segments[0][47] == 0x90 && segments[1][47] == 0x10 && segments[2][47] == 0x19);
}

TEST("a checksum is completed at any offset, and 0 becomes ffff") {
  for (int round = 0; round < 500; round++) {
    Bytes bytes = random_bytes(60 + random_below(1000));
    bytes[12] = 0x12;
    const auto start = static_cast<uint16_t>(14 + random_below(30));
    const auto offset = static_cast<uint16_t>(random_below(14));
    if (round == 0) std::fill(bytes.begin() + start, bytes.end(), 0);
    if (round == 0) bytes[start + 20] = bytes[start + 21] = 0xff;
    Slot slot(bytes);
    CHECK(read_virtio_header(
        {.flags = 1, .gso_type = 0, .hdr_len = 0, .gso_size = 0, .csum_start = start, .csum_offset = offset},
        slot.frame));
    uint32_t sum = plain_sum(bytes, start, bytes.size());
    sum = ~sum & 0xffff;
    if (sum == 0) sum = 0xffff;
    set16(bytes, start + offset, sum);
    CHECK(segments_of(slot.frame) == std::vector<Bytes>{bytes});
  }
}

TEST("a virtio-net header that does not fit its frame is refused") {
  const Datagram d = tcp_data(5000);
  const VirtioHeader good = header_of(d);
  const auto accepts = [&](VirtioHeader header, const Bytes& bytes) {
    Slot slot(bytes);
    return read_virtio_header(header, slot.frame);
  };
  const Bytes whole = whole_frame(d);
  CHECK(accepts(good, whole));
  const auto refuses = [&](auto change) {
    VirtioHeader header = good;
    change(header);
    return !accepts(header, whole);
  };
  CHECK(refuses([](VirtioHeader& h) { h.gso_size = 0; }));
  CHECK(refuses([](VirtioHeader& h) { h.gso_size = 2; }));  // 2500 frames
  CHECK(refuses([](VirtioHeader& h) { h.flags = 0; }));
  CHECK(refuses([](VirtioHeader& h) { h.gso_type = 4; }));
  CHECK(refuses([](VirtioHeader& h) { h.gso_type = 5; }));
  CHECK(refuses([](VirtioHeader& h) { h.gso_type = 3; }));  // UFO
  CHECK(refuses([](VirtioHeader& h) { h.gso_type = 99; }));
  CHECK(refuses([](VirtioHeader& h) { h.csum_start += 1; }));
  CHECK(refuses([](VirtioHeader& h) { h.csum_start = 0; }));
  CHECK(refuses([](VirtioHeader& h) { h.csum_start = 65535; }));
  CHECK(refuses([](VirtioHeader& h) { h.csum_offset = 6; }));
  CHECK(refuses([](VirtioHeader& h) { h.csum_offset = 65535; }));
  const auto refuses_bytes = [&](size_t at, uint8_t value) {
    Bytes bytes = whole;
    bytes[at] = value;
    return !accepts(good, bytes);
  };
  CHECK(refuses_bytes(14, 0x65));       // version
  CHECK(refuses_bytes(14, 0x44));       // header too small
  CHECK(refuses_bytes(16, 0));          // length
  CHECK(refuses_bytes(20, 0x60));       // a fragment
  CHECK(refuses_bytes(23, 17));         // protocol
  CHECK(refuses_bytes(34 + 12, 0x40));  // data offset
  CHECK(!accepts({.flags = 1, .gso_type = 0, .hdr_len = 0, .gso_size = 0, .csum_start = 14, .csum_offset = 0},
                 tagged(frame_bytes(kB, kA))));  // the checksum would begin within the tag
}

TEST("hostile headers and frames cause no bad memory access in any view, and no flood") {
  int accepted = 0;
  for (int round = 0; round < rounds(20000); round++) {
    const Datagram d = random_datagram(3000);
    Bytes bytes = whole_frame(d);
    VirtioHeader header = header_of(d);
    for (uint32_t i = random_below(4); i > 0; i--) {
      bytes[12 + random_below(static_cast<uint32_t>(std::min<size_t>(bytes.size() - 12, 100)))] =
          static_cast<uint8_t>(random_below(256));
    }
    if (random_below(3) == 0) bytes.resize(14 + random_below(static_cast<uint32_t>(bytes.size() - 13)));
    auto* raw = reinterpret_cast<uint8_t*>(&header);
    for (uint32_t i = random_below(3); i > 0; i--) {
      raw[random_below(sizeof header)] = static_cast<uint8_t>(random_below(256));
    }
    // A buffer of exactly the frame's size after pad(), so that the sanitizer notices any access beyond it.
    const auto exact = std::make_unique<uint8_t[]>(std::max<size_t>(bytes.size(), 60));
    std::ranges::copy(bytes, exact.get());
    Frame frame;
    frame.parts[0] = {exact.get(), bytes.size()};
    if (!read_virtio_header(header, frame)) continue;
    accepted++;
    frame.pad();
    const size_t count = segments_of(frame).size();
    CHECK(count == frame.frames() && count <= kSegmentsMost);
    Frame view;
    std::array<uint8_t, kTagSize> tag{};
    if (frame.ether_type() == kTpid) {
      frame.make_untagged_view(view);
    } else {
      frame.make_tagged_view(view, tag.data());
    }
    CHECK(segments_of(view).size() == count);
  }
  CHECK(accepted > rounds(2000));
}

TEST("coalescing the segments of a datagram and segmenting it again gives the same frames") {
  for (const bool v6 : {false, true}) {
    Datagram d = tcp_data(40 * 1448 + 77);
    d.v6 = v6;
    d.tags = v6 ? 1 : 0;
    d.tcp_options = random_bytes(12);
    d.id = 65530;
    d.sequence = 0xffff'f000;
    d.flags = 0x18;
    const auto [frames, writes] = coalesce_and_segment(wire_frames(d));
    CHECK(writes == 1);
    CHECK(frames == wire_frames(d));
  }
}

TEST("a coalesced datagram is the one that the kernel would have delivered") {
  const Datagram d = tcp_data(20000, 1000);
  std::deque<Slot> slots;
  std::vector<Frame*> frames;
  for (const Bytes& bytes : wire_frames(d)) frames.push_back(&slots.emplace_back(bytes).frame);
  static Coalescer coalescer;
  CHECK(coalescer.coalesce(frames) == 1);
  CHECK(frames[0]->copy() == whole_frame(d));
  const VirtioHeader header = virtio_header(frames[0]->offload);
  const VirtioHeader expected = header_of(d);
  CHECK(std::memcmp(&header, &expected, sizeof header) == 0);
}

TEST("a coalesced datagram has at most 64 KB, so that a batch of jumbo frames becomes several datagrams") {
  const Datagram first = tcp_data(65000, 8948);
  Datagram more = tcp_data(65000, 8948);
  more.sequence = 65000 / 8948 * 8948;
  std::vector<Bytes> given;
  Datagram whole = first;
  whole.payload.insert(whole.payload.end(), more.payload.begin(), more.payload.end());
  const auto [frames, writes] = coalesce_and_segment(wire_frames(whole));
  CHECK(writes == 3);  // 7 segments of 8948 bytes fit into one datagram
  CHECK(frames == wire_frames(whole));
}

TEST("segments are not coalesced if a field ends the run or segmenting would not restore it") {
  const auto joins = [](auto change) {
    auto frames = wire_frames(tcp_data(3 * 1000, 1000));
    change(frames);
    const auto coalesced = coalesce_and_segment(frames);
    CHECK(coalesced.frames == frames);
    return 3 - coalesced.writes;
  };
  // Changes byte `at` of frame `i` and corrects the checksums.
  const auto changed = [&](size_t i, size_t at, uint8_t value) {
    return joins([=](std::vector<Bytes>& frames) {
      Bytes& b = frames[i];
      b[at] = value;
      set16(b, 24, 0);
      set16(b, 24, ~plain_sum(b, 14, 34));
      set16(b, 50, 0);
      uint32_t sum = plain_sum(b, 26, 34) + 6 + static_cast<uint32_t>(b.size() - 34);
      while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
      set16(b, 50, ~plain_sum(b, 34, b.size(), sum));
    });
  };
  CHECK(joins([](auto&) {}) == 2);
  CHECK(changed(0, 47, 0x18) == 1);  // PSH ends a run
  CHECK(changed(1, 47, 0x18) == 1);
  CHECK(changed(2, 47, 0x18) == 2);
  CHECK(changed(2, 47, 0x11) == 2);  // FIN in the last segment
  CHECK(changed(1, 47, 0x11) == 1);
  for (const uint8_t flag : {0x02, 0x04, 0x20, 0x40, 0x80}) {  // SYN RST URG ECE CWR
    CHECK(changed(1, 47, static_cast<uint8_t>(0x10 | flag)) == 0);
  }
  CHECK(changed(1, 47, 0) == 0);     // no ACK
  CHECK(changed(1, 46, 0x51) == 0);  // AE
  CHECK(changed(1, 15, 3) == 0);     // CE
  CHECK(changed(1, 22, 63) == 0);    // TTL
  CHECK(changed(1, 19, 9) == 0);     // identification
  CHECK(changed(1, 20, 0) == 0);     // DF
  CHECK(changed(1, 20, 0x20) == 0);  // a fragment
  CHECK(changed(1, 29, 9) == 0);     // another source
  CHECK(changed(1, 35, 9) == 0);     // another port
  CHECK(changed(1, 41, 9) == 0);     // a gap in sequence
  CHECK(changed(1, 45, 9) == 0);     // another acknowledgement
  CHECK(changed(1, 49, 9) == 0);     // another window
  CHECK(changed(1, 53, 9) == 0);     // an urgent pointer
  CHECK(changed(1, 5, 9) == 0);      // another station
  CHECK(changed(1, 12, 9) == 0);     // not IP
  CHECK(changed(1, 500, 9) == 2);    // the payload does not matter
}

namespace {

// The effect of changing one bit in the headers of one of three segments: that segment joins no neighbour, or
// it ends the run.
enum class Changed : uint8_t { joins_none, ends_run };

struct Field {
  const char* name;
  uint32_t bits;
  Changed effect = Changed::joins_none;
};

constexpr Field kEthernet[] = {{"destination", 48}, {"source", 48}};
constexpr Field kTag[] = {{"TPID", 16}, {"priority", 3}, {"DEI", 1}, {"VID", 12}};
constexpr Field kType[] = {{"EtherType", 16}};
constexpr Field kIp4[] = {{"version", 4},
                          {"header size", 4},
                          {"DSCP", 6},
                          {"ECN", 2},
                          {"length", 16},
                          {"identification", 16},
                          {"flags", 3},
                          {"fragment offset", 13},
                          {"TTL", 8},
                          {"protocol", 8},
                          {"checksum", 16},
                          {"source address", 32},
                          {"destination address", 32}};
constexpr Field kIp6[] = {{"version", 4},     {"DSCP", 6},     {"ECN", 2},
                          {"flow label", 20}, {"length", 16},  {"next header", 8},
                          {"hop limit", 8},   {"source", 128}, {"destination", 128}};
constexpr Field kTcpFields[] = {{"source port", 16},
                                {"destination port", 16},
                                {"sequence number", 32},
                                {"acknowledgement", 32},
                                {"data offset", 4},
                                {"reserved and AE", 4},
                                {"CWR, ECE and URG", 3},
                                {"ACK", 1},
                                {"PSH", 1, Changed::ends_run},
                                {"RST and SYN", 2},
                                {"FIN", 1, Changed::ends_run},
                                {"window", 16},
                                {"checksum", 16},
                                {"urgent pointer", 16},
                                {"options", 12 * 8}};

// Computes the checksums of a changed frame, except a checksum that is itself the changed field.
void seal(Bytes& bytes, const Datagram& d, size_t changed) {
  const auto [network, transport, payload] = layout(d);
  if (!d.v6 && changed / 2 != (network + 10) / 2) {
    set16(bytes, network + 10, 0);
    set16(bytes, network + 10, ~plain_sum(bytes, network, transport));
  }
  if (changed / 2 == (transport + 16) / 2) return;
  set16(bytes, transport + 16, 0);
  uint32_t sum = plain_sum(bytes, network + (d.v6 ? 8 : 12), transport) + 6 +
                 static_cast<uint32_t>(bytes.size() - transport);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  set16(bytes, transport + 16, ~plain_sum(bytes, transport, bytes.size(), sum));
}

}  // namespace

TEST("a segment in whose headers any bit differs is not coalesced, or ends the run") {
  for (const bool v6 : {false, true}) {
    for (const int tags : {0, 1}) {
      Datagram d = tcp_data(3 * 1000, 1000);
      d.v6 = v6;
      d.tags = tags;
      d.tcp_options = random_bytes(12);
      const auto segments = wire_frames(d);
      CHECK(coalesce_and_segment(segments).writes == 1);
      size_t bit = 0;
      const auto change_each_bit = [&](std::span<const Field> fields) {
        for (const auto& [name, bits, effect] : fields) {
          for (const size_t end = bit + bits; bit < end; bit++) {
            for (size_t i = 0; i < 3; i++) {
              auto frames = segments;
              frames[i][bit / 8] ^= static_cast<uint8_t>(0x80 >> bit % 8);
              seal(frames[i], d, bit / 8);
              const auto coalesced = coalesce_and_segment(frames);
              const size_t writes = effect == Changed::ends_run ? (i == 2 ? 1 : 2) : (i == 1 ? 3 : 2);
              const bool right = coalesced.frames == frames && coalesced.writes == writes;
              CHECK(right);
              if (!right) std::printf("IPv%d, segment %zu: %s\n", v6 ? 6 : 4, i, name);
            }
          }
        }
      };
      change_each_bit(kEthernet);
      for (int i = 0; i < tags; i++) change_each_bit(kTag);
      change_each_bit(kType);
      change_each_bit(v6 ? std::span<const Field>(kIp6) : kIp4);
      change_each_bit(kTcpFields);
      CHECK(bit == layout(d).payload * 8);
    }
  }
}

TEST("the longest datagram that is coalesced has 65535 bytes behind its Ethernet header") {
  constexpr uint32_t kHeaders = 20 + 20;
  for (const auto& [segment, count, writes] :
       {std::tuple{13'099u, 5u, 1u}, {2729u, 24u, 2u}, {8187u, 8u, 2u}, {13'100u, 5u, 2u}}) {
    CHECK((kHeaders + segment * count <= kFrameMax) == (writes == 1));
    const Datagram d = tcp_data(size_t{segment} * count, segment);
    const auto coalesced = coalesce_and_segment(wire_frames(d));
    CHECK(coalesced.writes == writes && coalesced.frames == wire_frames(d));
  }
}

TEST("a wrong checksum arrives as it was sent") {
  for (const size_t at : {24u, 25u, 50u, 51u, 100u}) {
    for (size_t i = 0; i < 3; i++) {
      auto frames = wire_frames(tcp_data(3 * 1000, 1000));
      frames[i][at] ^= 1;
      const auto coalesced = coalesce_and_segment(frames);
      CHECK(coalesced.frames == frames);
      CHECK(coalesced.writes == (i == 1 ? 3 : 2));
    }
  }
}

TEST("a segment shorter than the first ends a run, and a longer one begins another") {
  const auto lengths = [](uint32_t first, uint32_t second, uint32_t third) {
    Datagram d = tcp_data(first + second + third);
    std::vector<Bytes> frames;
    size_t at = 0;
    for (const uint32_t size : {first, second, third}) {
      const Bytes piece(d.payload.begin() + static_cast<long>(at),
                        d.payload.begin() + static_cast<long>(at + size));
      frames.push_back(
          make_frame(d, piece, static_cast<uint32_t>(at), static_cast<uint16_t>(frames.size()), 0x10, true));
      at += size;
    }
    const auto coalesced = coalesce_and_segment(frames);
    CHECK(coalesced.frames == frames);
    return coalesced.writes;
  };
  CHECK(lengths(1000, 1000, 500) == 1);
  CHECK(lengths(1000, 500, 500) == 2);
  CHECK(lengths(1000, 1500, 1500) == 2);
  CHECK(lengths(1000, 999, 999) == 2);
}

TEST("mixed, changed and truncated segments leave with the same bytes in the same order") {
  int coalesced_frames = 0;
  for (int round = 0; round < rounds(1500); round++) {
    std::vector<Bytes> frames;
    while (frames.size() < 40) {
      auto more = wire_frames(random_datagram(30'000));
      more.resize(std::min<size_t>(more.size(), 1 + random_below(20)));
      if (random_below(4) == 0) std::swap(more.front(), more.back());
      frames.insert(frames.end(), more.begin(), more.end());
    }
    frames.resize(std::min<size_t>(frames.size(), kBatch));
    for (uint32_t i = random_below(6); i > 0; i--) {
      Bytes& bytes = frames[random_below(static_cast<uint32_t>(frames.size()))];
      bytes[random_below(static_cast<uint32_t>(std::min<size_t>(bytes.size(), 100)))] ^=
          static_cast<uint8_t>(1 << random_below(8));
    }
    if (random_below(4) == 0)
      frames.back().resize(60 + random_below(static_cast<uint32_t>(frames.back().size() - 59)));
    const auto coalesced = coalesce_and_segment(frames);
    CHECK(coalesced.frames == frames);
    coalesced_frames += static_cast<int>(frames.size() - coalesced.writes);
  }
  CHECK(coalesced_frames > rounds(10000));
}
