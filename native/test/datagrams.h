// Makes TCP and UDP frames one by one, with checksums summed byte by byte, without the engine's offload code.
// Tests compare the results of segmenting and coalescing with these frames.
#pragma once

#include "engine/frame.h"
#include "engine/offload/virtio_header.h"
#include "test/check.h"
#include "test/frames.h"

namespace tsvde::test {

// A datagram that a stack sends. wire_frames() makes its segments and whole_frame() the whole frame.
struct Datagram {
  bool v6 = false;
  bool is_udp = false;
  int tags = 0;
  Bytes ip_options;   // IPv4: options; IPv6: one extension header, whose first byte make_frame() sets
  Bytes tcp_options;  // their size is a multiple of 4
  uint8_t flags = 0x10;
  uint8_t tos = 0;
  uint16_t id = 0;
  uint16_t fragment = 0x4000;
  uint32_t sequence = 0;
  Bytes payload;
  uint32_t segment = 1448;
};

inline void put(Bytes& bytes, uint64_t value, int size) {
  for (int i = size - 1; i >= 0; i--) bytes.push_back(static_cast<uint8_t>(value >> (8 * i)));
}

inline void set16(Bytes& bytes, size_t at, uint32_t value) {
  bytes[at] = static_cast<uint8_t>(value >> 8);
  bytes[at + 1] = static_cast<uint8_t>(value);
}

inline uint32_t plain_sum(const Bytes& bytes, size_t from, size_t to, uint32_t sum = 0) {
  for (size_t i = from; i < to; i++) {
    sum += (i - from) % 2 == 0 ? uint32_t{bytes[i]} << 8 : bytes[i];
    sum = (sum & 0xffff) + (sum >> 16);
  }
  return sum;
}

struct Layout {
  size_t network, transport, payload;
};

inline Layout layout(const Datagram& d) {
  const size_t network = 14 + 4 * static_cast<size_t>(d.tags);
  const size_t transport = network + (d.v6 ? 40 : 20) + d.ip_options.size();
  return {network, transport, transport + (d.is_udp ? 8 : 20 + d.tcp_options.size())};
}

// Returns the virtio-net header with which a stack hands over the whole frame.
inline VirtioHeader header_of(const Datagram& d) {
  const auto [network, transport, payload] = layout(d);
  return {.flags = 1,
          .gso_type = static_cast<uint8_t>(d.is_udp ? 5
                                           : d.v6   ? 4
                                                    : 1),
          .hdr_len = static_cast<uint16_t>(payload),
          .gso_size = static_cast<uint16_t>(d.segment),
          .csum_start = static_cast<uint16_t>(transport),
          .csum_offset = static_cast<uint16_t>(d.is_udp ? 6 : 16)};
}

// Returns a frame with this payload. Unless `complete` is true, its checksum field contains only the sum of
// the pseudo-header.
inline Bytes make_frame(const Datagram& d, const Bytes& payload, uint32_t sequence, uint16_t id,
                        uint8_t flags, bool complete) {
  const auto [network, transport, payload_at] = layout(d);
  Bytes b;
  put(b, kB, 6);
  put(b, kA, 6);
  for (int i = 0; i < d.tags; i++) put(b, 0x8100'0000 + (i + 1) * 100, 4);
  const auto length = static_cast<uint32_t>(payload_at - transport + payload.size());
  if (d.v6) {
    put(b, 0x86dd, 2);
    put(b, 0x60000000u | uint32_t{d.tos} << 20 | 0xabcde, 4);
    put(b, length + d.ip_options.size(), 2);
    b.push_back(d.ip_options.empty() ? (d.is_udp ? 17 : 6) : 60);
    b.push_back(64);
    put(b, 0x20010db8'00000000, 8);
    put(b, 1, 8);
    put(b, 0x20010db8'00000000, 8);
    put(b, 2, 8);
    b.insert(b.end(), d.ip_options.begin(), d.ip_options.end());
    if (!d.ip_options.empty()) b[network + 40] = d.is_udp ? 17 : 6;
  } else {
    put(b, 0x0800, 2);
    b.push_back(static_cast<uint8_t>(0x45 + d.ip_options.size() / 4));
    b.push_back(d.tos);
    put(b, 20 + d.ip_options.size() + length, 2);
    put(b, id, 2);
    put(b, d.fragment, 2);
    b.push_back(64);
    b.push_back(d.is_udp ? 17 : 6);
    put(b, 0, 2);
    put(b, 0x0a090001, 4);
    put(b, 0x0a090002, 4);
    b.insert(b.end(), d.ip_options.begin(), d.ip_options.end());
    set16(b, network + 10, ~plain_sum(b, network, transport));
  }
  put(b, 40000, 2);
  put(b, 5201, 2);
  if (d.is_udp) {
    put(b, length, 2);
    put(b, 0, 2);
  } else {
    put(b, sequence, 4);
    put(b, 0x01020304, 4);
    b.push_back(static_cast<uint8_t>((20 + d.tcp_options.size()) / 4 << 4));
    b.push_back(flags);
    put(b, 502, 2);
    put(b, 0, 4);
    b.insert(b.end(), d.tcp_options.begin(), d.tcp_options.end());
  }
  b.insert(b.end(), payload.begin(), payload.end());

  uint32_t sum = d.v6 ? plain_sum(b, network + 8, network + 40) : plain_sum(b, network + 12, network + 20);
  sum = plain_sum({}, 0, 0, sum + (d.is_udp ? 17 : 6) + length);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  const size_t field = transport + (d.is_udp ? 6 : 16);
  if (!complete) {
    set16(b, field, sum);
    return b;
  }
  const uint32_t checksum = ~plain_sum(b, transport, b.size(), sum) & 0xffff;
  set16(b, field, d.is_udp && checksum == 0 ? 0xffff : checksum);
  if (b.size() < 60) b.resize(60);
  return b;
}

// Returns the segments, as they are on the wire.
inline std::vector<Bytes> wire_frames(const Datagram& d) {
  std::vector<Bytes> frames;
  for (size_t at = 0; at < d.payload.size(); at += d.segment) {
    const size_t size = std::min<size_t>(d.segment, d.payload.size() - at);
    const Bytes piece(d.payload.begin() + static_cast<long>(at),
                      d.payload.begin() + static_cast<long>(at + size));
    uint8_t flags = d.flags;
    if (at + size < d.payload.size()) flags &= 0xf6;  // only the last segment has FIN or PSH
    if (at > 0) flags &= 0x7f;                        // only the first segment has CWR
    frames.push_back(make_frame(d, piece, d.sequence + static_cast<uint32_t>(at),
                                static_cast<uint16_t>(d.id + frames.size()), flags, true));
  }
  return frames;
}

// Returns the unsegmented frame, as the kernel delivers it to an endpoint with offloads.
inline Bytes whole_frame(const Datagram& d) {
  return make_frame(d, d.payload, d.sequence, d.id, d.flags, false);
}

inline Bytes random_bytes(size_t size) {
  Bytes bytes(size);
  for (size_t at = 0; at < size; at += sizeof(uint32_t)) {
    const auto word = static_cast<uint32_t>(random()());
    std::memcpy(&bytes[at], &word, std::min(sizeof word, size - at));
  }
  return bytes;
}

inline Datagram random_datagram(uint32_t most_payload = kFrameMax - 200) {
  Datagram d;
  d.v6 = random_below(2) == 0;
  d.is_udp = random_below(3) == 0;
  d.tags = static_cast<int>(random_below(3));
  if (random_below(4) == 0) {
    d.ip_options = Bytes(d.v6 ? 8 * (1 + random_below(4)) : 4 * (1 + random_below(10)), 1);
    if (d.v6) d.ip_options[0] = 0, d.ip_options[1] = static_cast<uint8_t>(d.ip_options.size() / 8 - 1);
  }
  if (random_below(2) == 0) d.tcp_options = random_bytes(4 * (1 + random_below(10)));
  d.flags = static_cast<uint8_t>(0x10 | (random_below(4) == 0 ? 0x08 : 0) |
                                 (random_below(8) == 0 ? 0x01 : 0) | (random_below(8) == 0 ? 0x40 : 0));
  d.tos = static_cast<uint8_t>(random_below(256));
  d.id = static_cast<uint16_t>(random_below(65536));
  d.sequence = static_cast<uint32_t>(random_below(1u << 31)) * 2 + random_below(2);
  d.segment = random_below(8) == 0 ? 1 + random_below(9000) : 100 + random_below(1400);
  const uint32_t most = std::min(most_payload, d.segment * 60);
  d.payload = random_bytes(1 + random_below(most));
  return d;
}

}  // namespace tsvde::test
