// Tests the reassembly of IPv4 and IPv6 fragments: every order of arrival, and which datagrams are refused,
// given up or kept apart.
#include <algorithm>
#include <cstring>
#include <numeric>

#include "slirp/reassembly.h"
#include "test/slirp_world.h"

using namespace tsvde;
using namespace tsvde::slirp;
using namespace tsvde::test;

namespace {

// A fragment of IPv4 or IPv6, from which frame_of() makes a frame.
struct Piece {
  size_t offset;
  size_t size;
  bool more;
  uint32_t id = 1;
  uint8_t protocol = 17;
  uint8_t guest = 1;
  bool v6 = false;
  uint8_t fill = 0;  // added to each byte of data
};

uint8_t byte_at(size_t offset) {
  return static_cast<uint8_t>(offset % 251);
}

Bytes data_of(const Piece& piece) {
  Bytes data(piece.size);
  for (size_t i = 0; i < data.size(); i++)
    data[i] = static_cast<uint8_t>(byte_at(piece.offset + i) + piece.fill);
  return data;
}

Bytes frame_of(const Piece& piece) {
  Bytes frame;
  if (piece.v6) {
    frame =
        hex("525600000002 525400000001 86dd 60000000 0000 2c40 fec00000000000000000000000000011"
            "fec00000000000000000000000000002 1100 0000 00000000");
    frame[54] = piece.protocol;
    write16(&frame[18], 8 + piece.size);
    write16(&frame[56], piece.offset | (piece.more ? 1 : 0));
    write16(&frame[60], piece.id);
  } else {
    frame = hex("52550a000202 525400000001 0800 45000000 0000 0000 40110000 0a00020f 0a000202");
    frame[23] = piece.protocol;
    write16(&frame[16], 20 + piece.size);
    write16(&frame[18], piece.id);
    write16(&frame[20], piece.offset / 8 | (piece.more ? 0x2000 : 0));
    write16(&frame[24], checksum({std::span(frame).subspan(14, 20)}));
  }
  frame[11] = piece.guest;
  const Bytes data = data_of(piece);
  frame.insert(frame.end(), data.begin(), data.end());
  return frame;
}

// Returns the data of a reassembled frame, after checking that its headers are those of an unfragmented
// frame.
Bytes data_in(std::span<const uint8_t> whole, const Piece& first) {
  Piece unfragmented = first;
  unfragmented.more = false;
  Bytes headers = frame_of(unfragmented);
  size_t size = 34;
  if (first.v6) {
    size = 54;
    headers.resize(size);
    headers[20] = first.protocol;
    write16(&headers[18], whole.size() - 54);
  } else {
    headers.resize(size);
    write16(&headers[16], whole.size() - 14);
    write16(&headers[24], 0);
    write16(&headers[24], checksum({std::span(headers).subspan(14, 20)}));
  }
  CHECK(whole.size() >= size && std::ranges::equal(whole.first(size), headers));
  return {whole.begin() + static_cast<ptrdiff_t>(size), whole.end()};
}

struct Fixture {
  Reassembly reassembly;
  uint64_t dropped = 0;
  int64_t now_ms = 0;

  size_t add(const Piece& piece) { return add(frame_of(piece)); }
  size_t add(const Bytes& frame) { return reassembly.add(frame, now_ms, dropped).size(); }
};

constexpr size_t headers(bool v6) {
  return v6 ? 54 : 34;
}

}  // namespace

TEST("a datagram is reassembled from its IPv4 or IPv6 fragments in whatever order they arrive") {
  for (const bool v6 : {false, true}) {
    const std::vector<Piece> pieces = {{.offset = 0, .size = 80, .more = true, .v6 = v6},
                                       {.offset = 80, .size = 16, .more = true, .v6 = v6},
                                       {.offset = 96, .size = 24, .more = true, .v6 = v6},
                                       {.offset = 120, .size = 5, .more = false, .v6 = v6}};
    const Bytes data = data_of({.offset = 0, .size = 125, .more = false});
    std::vector<size_t> order(pieces.size());
    std::iota(order.begin(), order.end(), 0);
    do {
      Fixture fixture;
      for (size_t i = 0; i + 1 < order.size(); i++) CHECK(fixture.add(pieces[order[i]]) == 0);
      const Bytes last = frame_of(pieces[order.back()]);
      const auto whole = fixture.reassembly.add(last, 0, fixture.dropped);
      CHECK(data_in(whole, pieces[0]) == data && fixture.dropped == 0);
      CHECK(fixture.add(pieces[3]) == 0);  // the datagram was complete: a new one begins
    } while (std::ranges::next_permutation(order).found);
  }
}

TEST("a datagram of the greatest size is reassembled from fragments that arrive backwards") {
  for (const bool v6 : {false, true}) {
    Fixture fixture;
    const size_t size = v6 ? 65535 : 65515;
    size_t arrived = 0;
    for (size_t at = size / 1440 * 1440;; at -= 1440) {
      const bool more = at + 1440 < size;
      CHECK(arrived == 0);
      arrived = fixture.add({.offset = at, .size = more ? 1440 : size - at, .more = more, .v6 = v6});
      if (at == 0) break;
    }
    CHECK(arrived == headers(v6) + size && fixture.dropped == 0);
    // More data than the header's length field can express.
    CHECK(fixture.add({.offset = 65512, .size = v6 ? 24u : 8u, .more = false, .id = 2, .v6 = v6}) == 0);
    for (size_t at = 0; at < 65512; at += 8) {
      const size_t whole = fixture.add({.offset = at, .size = 8, .more = true, .id = 2, .v6 = v6});
      CHECK(whole == 0);
    }
    CHECK(fixture.dropped > 0);
  }
}

TEST("overlapping fragments are refused with their whole datagram, and exact duplicates are ignored") {
  for (const bool v6 : {false, true}) {
    const std::vector<Piece> overlaps = {
        {.offset = 8, .size = 16, .more = true, .v6 = v6},             // overlaps the end of the first
        {.offset = 0, .size = 8, .more = true, .v6 = v6, .fill = 1},   // inside the first, with other bytes
        {.offset = 0, .size = 24, .more = true, .v6 = v6},             // contains the first
        {.offset = 32, .size = 8, .more = false, .v6 = v6},            // a last fragment before the second
        {.offset = 40, .size = 8, .more = false, .v6 = v6, .fill = 1}  // replaces the second, as the last
    };
    for (const Piece& overlap : overlaps) {
      Fixture fixture;
      CHECK(fixture.add({.offset = 0, .size = 16, .more = true, .v6 = v6}) == 0);
      CHECK(fixture.add({.offset = 40, .size = 8, .more = true, .v6 = v6}) == 0);
      CHECK(fixture.add(overlap) == 0 && fixture.dropped == 3);
      CHECK(fixture.add({.offset = 16, .size = 24, .more = true, .v6 = v6}) == 0);
      CHECK(fixture.add({.offset = 48, .size = 8, .more = false, .v6 = v6}) == 0 && fixture.dropped == 5);
      // Another datagram of this sender is not affected.
      CHECK(fixture.add({.offset = 0, .size = 8, .more = true, .id = 2, .v6 = v6}) == 0);
      CHECK(fixture.add({.offset = 8, .size = 3, .more = false, .id = 2, .v6 = v6}) == headers(v6) + 11);
    }
    Fixture fixture;
    for (int i = 0; i < 3; i++) {
      CHECK(fixture.add({.offset = 16, .size = 3, .more = false, .v6 = v6}) == 0);
      CHECK(fixture.add({.offset = 8, .size = 8, .more = true, .v6 = v6}) == 0);
    }
    CHECK(fixture.add({.offset = 0, .size = 8, .more = true, .v6 = v6}) == headers(v6) + 19);
    CHECK(fixture.dropped == 0);
    // A fragment behind the last fragment.
    CHECK(fixture.add({.offset = 16, .size = 3, .more = false, .id = 3, .v6 = v6}) == 0);
    CHECK(fixture.add({.offset = 24, .size = 8, .more = true, .id = 3, .v6 = v6}) == 0 &&
          fixture.dropped == 2);
  }
}

// Otherwise, whether a guest's datagram is refused would depend on bytes of an earlier one, perhaps another
// guest's.
TEST(
    "a fragment beyond the last one is not a duplicate, even if the memory behind the last one has its "
    "bytes") {
  for (const bool v6 : {false, true}) {
    Fixture fixture;
    CHECK(fixture.add({.offset = 0, .size = 16, .more = true, .v6 = v6}) == 0);
    CHECK(fixture.add({.offset = 16, .size = 8, .more = false, .v6 = v6}) == headers(v6) + 24);
    // The next datagram is collected in the same memory.
    CHECK(fixture.add({.offset = 8, .size = 5, .more = false, .id = 2, .v6 = v6}) == 0);
    CHECK(fixture.add({.offset = 8, .size = 8, .more = true, .id = 2, .v6 = v6}) == 0);
    CHECK(fixture.dropped == 2);
  }
}

TEST("datagrams that differ in protocol, identification, an address or family are kept apart") {
  for (const bool v6 : {false, true}) {
    Fixture fixture;
    const Piece first = {.offset = 0, .size = 16, .more = true, .v6 = v6};
    const Piece last = {.offset = 16, .size = 4, .more = false, .v6 = v6};
    CHECK(fixture.add(first) == 0);
    Piece other_id = last;
    other_id.id = 2;
    CHECK(fixture.add(other_id) == 0);
    Bytes other_sender = frame_of(last);
    other_sender[v6 ? 37 : 29]++;
    if (!v6) write16(&other_sender[24], 0);
    if (!v6) write16(&other_sender[24], checksum({std::span(other_sender).subspan(14, 20)}));
    CHECK(fixture.add(other_sender) == 0);
    Bytes other_destination = frame_of(last);
    other_destination[v6 ? 53 : 33]++;
    if (!v6) write16(&other_destination[24], 0);
    if (!v6) write16(&other_destination[24], checksum({std::span(other_destination).subspan(14, 20)}));
    CHECK(fixture.add(other_destination) == 0);
    Piece other_family = last;
    other_family.v6 = !v6;
    CHECK(fixture.add(other_family) == 0);
    if (!v6) {  // the protocol is in the key of IPv4 (RFC 791) and not in that of IPv6 (RFC 8200)
      Piece other_protocol = last;
      other_protocol.protocol = 1;
      CHECK(fixture.add(other_protocol) == 0);
    }
    CHECK(fixture.add(last) == headers(v6) + 20 && fixture.dropped == 0);
  }
}

TEST(
    "an incomplete datagram is given up after its time, and the guest that has most of them loses its "
    "oldest") {
  for (const bool v6 : {false, true}) {
    Fixture fixture;
    CHECK(fixture.add({.offset = 0, .size = 8, .more = true, .v6 = v6}) == 0);
    fixture.now_ms = Reassembly::kTimeoutMs - 1;
    fixture.reassembly.expire(fixture.now_ms, fixture.dropped);
    CHECK(fixture.dropped == 0);
    fixture.now_ms++;
    fixture.reassembly.expire(fixture.now_ms, fixture.dropped);
    CHECK(fixture.dropped == 1);
    CHECK(fixture.add({.offset = 8, .size = 8, .more = false, .v6 = v6}) == 0);

    // A guest that never completes a datagram takes no room from other guests.
    Fixture flood;
    CHECK(flood.add({.offset = 8, .size = 8, .more = false, .id = 7, .guest = 2, .v6 = v6}) == 0);
    for (uint32_t id = 1000; id < 2000; id++, flood.now_ms++)
      CHECK(flood.add({.offset = 0, .size = 8, .more = true, .id = id, .v6 = v6}) == 0);
    CHECK(flood.dropped == 1000 - (Reassembly::kDatagrams - 1));
    CHECK(flood.add({.offset = 0, .size = 8, .more = true, .id = 7, .guest = 2, .v6 = v6}) ==
          headers(v6) + 16);
    CHECK(flood.add({.offset = 8, .size = 8, .more = false, .id = 1999, .v6 = v6}) == headers(v6) + 16);
    CHECK(flood.add({.offset = 8, .size = 8, .more = false, .id = 1000, .v6 = v6}) == 0);
  }
}

TEST("malformed fragments are counted, and frames that are not fragments pass") {
  Fixture fixture;
  CHECK(fixture.add(sealed(hex(kPing))) == 42);
  CHECK(fixture.add(hex(kSolicit)) == hex(kSolicit).size());
  Bytes wrong_sum = frame_of({.offset = 0, .size = 8, .more = true});
  wrong_sum[24] ^= 1;
  CHECK(fixture.add(wrong_sum) == 0 && fixture.dropped == 1);
  for (const bool v6 : {false, true}) {
    fixture.dropped = 0;
    CHECK(fixture.add({.offset = 0, .size = 12, .more = true, .v6 = v6}) == 0);     // not 8-byte blocks
    CHECK(fixture.add({.offset = 8, .size = 0, .more = true, .v6 = v6}) == 0);      // no data
    CHECK(fixture.add({.offset = 65528, .size = 8, .more = true, .v6 = v6}) == 0);  // ends too far
    CHECK(fixture.dropped == 3);
    const Bytes whole = frame_of({.offset = 0, .size = 80, .more = true, .id = 5, .v6 = v6});
    for (size_t size = 14; size < whole.size(); size++) {
      const Bytes part(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size));
      CHECK(fixture.add(part) == (size < headers(v6) ? size : 0));
    }
  }
}

TEST(
    "IPv6: a single fragment is a datagram, headers before the fragment header stay, and fragmented "
    "discovery is refused") {
  Fixture fixture;
  CHECK(fixture.add({.offset = 0, .size = 8, .more = true, .v6 = true}) == 0);
  CHECK(fixture.add({.offset = 0, .size = 20, .more = false, .v6 = true}) == 54 + 20);
  CHECK(fixture.add({.offset = 8, .size = 8, .more = false, .v6 = true}) == 54 + 16 && fixture.dropped == 0);
  // Destination options of eight bytes before the fragment header.
  Bytes frame = frame_of({.offset = 0, .size = 20, .more = false, .v6 = true});
  const Bytes options = hex("2c00 010400000000");
  frame[20] = 60;
  write16(&frame[18], read16(&frame[18]) + 8);
  frame.insert(frame.begin() + 54, options.begin(), options.end());
  const auto whole = fixture.reassembly.add(frame, 0, fixture.dropped);
  CHECK(whole.size() == 62 + 20 && whole[20] == 60 && whole[54] == 17 && read16(&whole[18]) == 28);
  for (const uint8_t type : {133, 135, 136, 137, 128}) {
    Bytes icmp = frame_of({.offset = 0, .size = 24, .more = false, .protocol = 58, .v6 = true});
    icmp[62] = type;
    const bool discovery = type != 128;
    const uint64_t before = fixture.dropped;
    CHECK((fixture.add(icmp) == 0) == discovery && (fixture.dropped > before) == discovery);
  }
}

TEST("random fragments never make a datagram of bytes that were not sent together") {
  for (int i = 0; i < rounds(20'000); i++) {
    static Fixture fixture;
    const auto offset = size_t{8} * random_below(6);
    const bool more = random_below(3) > 0;
    const Piece piece = {.offset = offset,
                         .size = more ? size_t{8} * (1 + random_below(3)) : 1 + random_below(16),
                         .more = more,
                         .id = 1 + random_below(40),
                         .v6 = random_below(2) == 0};
    const Bytes frame = frame_of(piece);
    const auto whole = fixture.reassembly.add(frame, fixture.now_ms += 300, fixture.dropped);
    if (whole.empty() || whole.data() == frame.data()) continue;
    const size_t from = headers(piece.v6);
    for (size_t at = from; at < whole.size(); at++) CHECK(whole[at] == byte_at(at - from));
  }
}
