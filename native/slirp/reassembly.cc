// Collects in-order fragments and returns the whole datagram with a header of its own, see reassembly.h.
#include "slirp/reassembly.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace tsvde::slirp {
namespace {

// Offsets in a frame, counting the Ethernet header.
constexpr size_t kIp = 14;
constexpr size_t kLength = kIp + 2;
constexpr size_t kIdentification = kIp + 4;
constexpr size_t kFragment = kIp + 6;
constexpr size_t kProtocol = kIp + 9;
constexpr size_t kChecksum = kIp + 10;
constexpr size_t kAddresses = kIp + 12;
constexpr uint16_t kMore = 0x2000;

uint16_t read(const uint8_t* at) {
  return static_cast<uint16_t>(at[0] << 8 | at[1]);
}

void write(uint8_t* at, size_t value) {
  at[0] = static_cast<uint8_t>(value >> 8);
  at[1] = static_cast<uint8_t>(value);
}

// The checksum of RFC 1071; 0 for a header whose checksum is right.
uint16_t checksum(std::span<const uint8_t> header) {
  uint32_t sum = 0;
  for (size_t i = 0; i + 1 < header.size(); i += 2) sum += read(&header[i]);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

bool is_fragment(std::span<const uint8_t> frame) {
  return frame.size() >= kIp + 20 && read(&frame[12]) == 0x0800 && (read(&frame[kFragment]) & 0x3fff) != 0;
}

}  // namespace

std::span<const uint8_t> Reassembly::add(std::span<const uint8_t> frame, uint64_t& dropped) {
  if (!is_fragment(frame)) return frame;
  const size_t header = size_t{4} * (frame[kIp] & 0xf);
  const size_t length = read(&frame[kLength]);
  const bool sound = frame[kIp] >> 4 == 4 && header >= 20 && header < length &&
                     kIp + length <= frame.size() && checksum(frame.subspan(kIp, header)) == 0;
  if (!sound) return ++dropped, std::span<const uint8_t>{};

  Key key;
  std::memcpy(&key[0], &frame[kAddresses], 8);
  std::memcpy(&key[8], &frame[kIdentification], 2);
  key[10] = frame[kProtocol];
  const uint16_t fragment = read(&frame[kFragment]);
  const size_t offset = size_t{8} * (fragment & 0x1fff);
  Datagram* datagram = find(key);
  std::span<const uint8_t> part = frame.subspan(kIp + header, length - header);
  if (offset == 0) {
    if (datagram == nullptr) datagram = &oldest();
    if (datagram->size > 0) dropped++;  // an incomplete datagram is replaced
    datagram->key = key;
    datagram->header = kIp + header;
    datagram->size = 0;
    datagram->started = ++started_;
    part = frame.first(kIp + length);
  } else if (datagram == nullptr || datagram->size - datagram->header != offset ||
             datagram->size + part.size() > kIp + kDatagramMax) {
    return ++dropped, std::span<const uint8_t>{};
  }
  std::ranges::copy(part, &datagram->bytes[datagram->size]);
  datagram->size += part.size();
  if ((fragment & kMore) != 0) return {};

  uint8_t* bytes = datagram->bytes.get();
  write(bytes + kLength, datagram->size - kIp);
  write(bytes + kFragment, 0);
  write(bytes + kChecksum, 0);
  write(bytes + kChecksum, checksum({bytes + kIp, datagram->header - kIp}));
  return {bytes, std::exchange(datagram->size, 0)};
}

Reassembly::Datagram* Reassembly::find(const Key& key) {
  const auto found = std::ranges::find_if(
      datagrams_, [&](const Datagram& known) { return known.size > 0 && known.key == key; });
  return found == datagrams_.end() ? nullptr : &*found;
}

// Free entries count as oldest.
Reassembly::Datagram& Reassembly::oldest() {
  return *std::ranges::min_element(datagrams_, {},
                                   [](const Datagram& known) { return known.size > 0 ? known.started : 0; });
}

}  // namespace tsvde::slirp
