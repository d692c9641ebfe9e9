// Parses fragments, collects their data in blocks of eight bytes, and writes the headers of complete
// datagrams; see reassembly.h.
#include "slirp/reassembly.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace tsvde::slirp {
namespace {

constexpr size_t kIp = kEthernetHeader;
constexpr size_t kIpv6Header = 40;
constexpr uint8_t kHopByHop = 0;
constexpr uint8_t kRouting = 43;
constexpr uint8_t kFragmentHeader = 44;
constexpr uint8_t kDestinationOptions = 60;

// Neighbour discovery messages must not be fragmented, since switches and hosts could not check them (RFC
// 6980).
bool is_neighbour_discovery(uint8_t next_header, uint8_t type) {
  return next_header == kIcmpv6 && type >= 133 && type <= 137;
}

// Whether any, and whether all, of a fragment's blocks have been received already.
struct Present {
  bool any = false, all = true;
};

template <typename Blocks>
Present present(const Blocks& blocks, size_t first, size_t end) {
  Present result;
  for (size_t block = first; block < end; block++) {
    const bool here = (blocks[block / 64] >> block % 64 & 1) != 0;
    result.any |= here;
    result.all &= here;
  }
  return result;
}

size_t blocks_of(size_t bytes) {
  return (bytes + 7) / 8;
}

}  // namespace

std::span<const uint8_t> Reassembly::add(std::span<const uint8_t> frame, int64_t now_ms, uint64_t& dropped) {
  Fragment fragment;
  const Kind kind = read(frame, fragment);
  if (kind == Kind::whole) return frame;
  if (kind == Kind::malformed) return ++dropped, std::span<const uint8_t>{};
  const size_t end = fragment.offset + fragment.data.size();
  const bool sound = !fragment.data.empty() && (!fragment.more || fragment.data.size() % 8 == 0) &&
                     end <= kDataMax && fragment.headers.size() <= kHeadersMax;
  if (!sound) return ++dropped, std::span<const uint8_t>{};
  if (fragment.offset == 0 && !fragment.more) {
    begin(atomic_, fragment, now_ms);
    store(atomic_, fragment);
    const auto whole = finish(atomic_);
    if (whole.empty()) dropped++;
    return whole;
  }

  expire(now_ms, dropped);
  Incomplete& datagram = find_or_begin(fragment, now_ms, dropped);
  if (datagram.refused) return ++dropped, std::span<const uint8_t>{};
  const auto [any, all] = present(datagram.blocks, fragment.offset / 8, blocks_of(end));
  const uint8_t* known = &datagram.bytes[kHeadersMax + fragment.offset];
  const bool last_is_known = datagram.total != 0;
  // Behind datagram.end, the last block contains bytes of an earlier datagram.
  if (all && end <= datagram.end &&
      std::ranges::equal(fragment.data, std::span(known, fragment.data.size())) &&
      fragment.more == !(last_is_known && end == datagram.total))
    return {};
  const bool contradicts =
      fragment.more ? last_is_known && end >= datagram.total : last_is_known || datagram.end > end;
  if (any || contradicts) {
    dropped += datagram.fragments + 1;
    datagram.fragments = 0;
    datagram.refused = true;
    return {};
  }
  store(datagram, fragment);
  if (datagram.headers == 0 || datagram.total == 0 || datagram.received != datagram.total) return {};
  const auto whole = finish(datagram);
  if (whole.empty()) dropped += datagram.fragments;
  return whole;
}

void Reassembly::expire(int64_t now_ms, uint64_t& dropped) {
  for (Incomplete& datagram : datagrams_) {
    if (!datagram.used || now_ms - datagram.started_ms < kTimeoutMs) continue;
    datagram.used = false;
    dropped += datagram.fragments;
  }
}

Reassembly::Kind Reassembly::read(std::span<const uint8_t> frame, Fragment& fragment) {
  if (frame.size() >= kIp + 20 && ether_type(frame) == kTypeIpv4) return read_ipv4(frame, fragment);
  if (frame.size() >= kIp + kIpv6Header && ether_type(frame) == kTypeIpv6) return read_ipv6(frame, fragment);
  return Kind::whole;
}

Reassembly::Kind Reassembly::read_ipv4(std::span<const uint8_t> frame, Fragment& fragment) {
  constexpr uint16_t kMore = 0x2000;
  const uint16_t place = read16(&frame[kIp + 6]);
  if ((place & 0x3fff) == 0) return Kind::whole;
  const size_t header = size_t{4} * (frame[kIp] & 0xf);
  const size_t length = read16(&frame[kIp + 2]);
  const bool sound = frame[kIp] >> 4 == 4 && header >= 20 && header <= length &&
                     kIp + length <= frame.size() && checksum({frame.subspan(kIp, header)}) == 0;
  if (!sound) return Kind::malformed;
  Key& key = fragment.key;
  std::memcpy(&key[0], &frame[kIp + 12], 8);
  std::memcpy(&key[32], &frame[kIp + 4], 2);
  std::memcpy(&key[36], &frame[12], 2);
  key[38] = frame[kIp + 9];
  fragment.headers = frame.first(kIp + header);
  fragment.offset = size_t{8} * (place & 0x1fff);
  fragment.more = (place & kMore) != 0;
  fragment.data = frame.subspan(kIp + header, length - header);
  return Kind::fragment;
}

// Looks for a fragment header after the headers that may precede it (RFC 8200, 4.1).
Reassembly::Kind Reassembly::read_ipv6(std::span<const uint8_t> frame, Fragment& fragment) {
  const size_t end = kIp + kIpv6Header + read16(&frame[kIp + 4]);
  size_t next_at = kIp + 6;
  size_t at = kIp + kIpv6Header;
  while (frame[next_at] == kHopByHop || frame[next_at] == kRouting || frame[next_at] == kDestinationOptions) {
    if (at + 8 > frame.size()) return Kind::whole;
    next_at = at;
    at += size_t{8} * (frame[at + 1] + size_t{1});
  }
  if (frame[next_at] != kFragmentHeader) return Kind::whole;
  if (at + 8 > end || end > frame.size()) return Kind::malformed;
  Key& key = fragment.key;
  std::memcpy(&key[0], &frame[kIp + 8], 32);
  std::memcpy(&key[32], &frame[at + 4], 4);
  std::memcpy(&key[36], &frame[12], 2);
  const uint16_t place = read16(&frame[at + 2]);
  fragment.headers = frame.first(at);
  fragment.next_header_at = next_at;
  fragment.next_header = frame[at];
  fragment.offset = place & 0xfff8;
  fragment.more = (place & 1) != 0;
  fragment.data = frame.subspan(at + 8, end - at - 8);
  return Kind::fragment;
}

Reassembly::Incomplete& Reassembly::find_or_begin(const Fragment& fragment, int64_t now_ms,
                                                  uint64_t& dropped) {
  const auto found = std::ranges::find_if(
      datagrams_, [&](const Incomplete& datagram) { return datagram.used && datagram.key == fragment.key; });
  if (found != datagrams_.end()) return *found;
  Incomplete& datagram = room(dropped);
  begin(datagram, fragment, now_ms);
  return datagram;
}

// Returns a free entry or, if there is none, the oldest entry of the guest that has the most entries.
Reassembly::Incomplete& Reassembly::room(uint64_t& dropped) {
  const auto free = std::ranges::find(datagrams_, false, &Incomplete::used);
  if (free != datagrams_.end()) return *free;
  const auto held_by = [this](const Incomplete& datagram) {
    return std::ranges::count(datagrams_, datagram.source, &Incomplete::source);
  };
  const auto victim = std::ranges::max_element(datagrams_, {}, [&](const Incomplete& datagram) {
    return std::pair(held_by(datagram), -datagram.started_ms);
  });
  dropped += victim->fragments;
  return *victim;
}

void Reassembly::begin(Incomplete& datagram, const Fragment& fragment, int64_t now_ms) {
  std::unique_ptr<uint8_t[]> bytes = std::move(datagram.bytes);
  if (bytes == nullptr) bytes = std::make_unique_for_overwrite<uint8_t[]>(kHeadersMax + kDataMax);
  datagram = {};
  datagram.used = true;
  datagram.key = fragment.key;
  std::ranges::copy(fragment.headers.subspan(6, 6), datagram.source.begin());
  datagram.started_ms = now_ms;
  datagram.bytes = std::move(bytes);
}

void Reassembly::store(Incomplete& datagram, const Fragment& fragment) {
  const size_t end = fragment.offset + fragment.data.size();
  std::ranges::copy(fragment.data, &datagram.bytes[kHeadersMax + fragment.offset]);
  for (size_t block = fragment.offset / 8; block < blocks_of(end); block++)
    datagram.blocks[block / 64] |= uint64_t{1} << block % 64;
  datagram.received += fragment.data.size();
  datagram.fragments++;
  datagram.end = std::max(datagram.end, end);
  if (!fragment.more) datagram.total = end;
  if (fragment.offset != 0) return;
  datagram.headers = fragment.headers.size();
  uint8_t* headers = &datagram.bytes[kHeadersMax - datagram.headers];
  std::ranges::copy(fragment.headers, headers);
  if (fragment.next_header_at != 0) headers[fragment.next_header_at] = fragment.next_header;
}

std::span<const uint8_t> Reassembly::finish(Incomplete& datagram) {
  datagram.used = false;
  uint8_t* const frame = &datagram.bytes[kHeadersMax - datagram.headers];
  const size_t size = datagram.headers + datagram.total;
  uint8_t* const ip = frame + kIp;
  if (read16(frame + 12) == kTypeIpv4) {
    if (size - kIp > kDataMax) return {};
    write16(ip + 2, size - kIp);
    write16(ip + 6, 0);
    write16(ip + 10, 0);
    write16(ip + 10, checksum({{ip, datagram.headers - kIp}}));
  } else {
    const size_t length = size - kIp - kIpv6Header;
    const bool plain = datagram.headers == kIp + kIpv6Header;
    if (length > kDataMax || (plain && is_neighbour_discovery(ip[6], frame[datagram.headers]))) return {};
    write16(ip + 4, length);
  }
  return {frame, size};
}

}  // namespace tsvde::slirp
