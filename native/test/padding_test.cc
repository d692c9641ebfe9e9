#include "engine/padding.h"

#include "engine/endpoints/stream.h"
#include "test/loops.h"

using namespace tsvde;
using namespace tsvde::test;

namespace {

// A packet of the given size. The fields that a test is not about are zero.
Bytes ip4(uint32_t size, uint8_t first = 0x45) {
  Bytes packet(std::max(size, 20u), 0x11);
  packet[0] = first;
  packet[2] = static_cast<uint8_t>(size >> 8);
  packet[3] = static_cast<uint8_t>(size);
  return packet;
}
Bytes ip6(uint32_t payload, uint8_t first = 0x60) {
  Bytes packet(40 + payload, 0x11);
  packet[0] = first;
  packet[4] = static_cast<uint8_t>(payload >> 8);
  packet[5] = static_cast<uint8_t>(payload);
  return packet;
}
Bytes arp(uint8_t hardware_size = 6, uint8_t protocol_size = 4) {
  Bytes packet(8 + 2 * (hardware_size + protocol_size), 0x11);
  packet[4] = hardware_size;
  packet[5] = protocol_size;
  return packet;
}

// A frame with `packet`, padded with bytes that are not zero: the padding that a guest adds may be anything.
Bytes frame_with(uint16_t type, const Bytes& packet, size_t size = kFramePadded) {
  Bytes bytes = frame_bytes(kBroadcast, kA, 14);
  bytes[12] = static_cast<uint8_t>(type >> 8);
  bytes[13] = static_cast<uint8_t>(type);
  bytes.insert(bytes.end(), packet.begin(), packet.end());
  bytes.resize(std::max(size, bytes.size()), 0xee);
  return bytes;
}

uint32_t unpadded(const Bytes& bytes) {
  Slot slot(bytes);
  slot.frame.parts[0].iov_len = bytes.size();
  return size_without_padding(slot.frame);
}

struct Case {
  uint16_t type;
  Bytes packet;
};
// Packets that fit in a padded frame, of every protocol that has a length.
std::vector<Case> short_packets() {
  std::vector<Case> all;
  for (uint32_t size = 20; size <= 46; size++) all.push_back({0x0800, ip4(size)});
  all.push_back({0x0800, ip4(24, 0x46)});  // a header with options and no payload
  for (uint32_t payload = 0; payload <= 6; payload++) all.push_back({0x86dd, ip6(payload)});
  all.push_back({0x0806, arp()});
  for (uint16_t size = 1; size <= 46; size++) all.push_back({size, Bytes(size, 0x11)});
  return all;
}

// A stream that sends without padding, and its peer.
struct Unpadded {
  explicit Unpadded(int send_buffer = 0) : pair(SOCK_STREAM) {
    if (send_buffer > 0)
      setsockopt(pair.ours.number(), SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof send_buffer);
    stream = std::make_unique<Stream>(std::move(pair.ours), Stream::Padding::removed);
  }
  // Reads one frame.
  [[nodiscard]] Bytes read() const {
    Bytes bytes(4);
    CHECK(recv(pair.theirs.number(), bytes.data(), 4, MSG_WAITALL) == 4);
    const size_t size = bytes[0] << 24 | bytes[1] << 16 | bytes[2] << 8 | bytes[3];
    bytes.resize(size);
    CHECK(recv(pair.theirs.number(), bytes.data(), size, MSG_WAITALL) == static_cast<ssize_t>(size));
    return bytes;
  }
  SocketPair pair;
  std::unique_ptr<Stream> stream;
};

}  // namespace

TEST("what a packet's length does not include is padding, with and without tags") {
  for (const auto& [type, packet] : short_packets()) {
    const auto size = static_cast<uint32_t>(14 + packet.size());
    const Bytes bytes = frame_with(type, packet);
    CHECK(unpadded(bytes) == size);
    CHECK(unpadded(tagged(bytes, 7)) == size + 4);
    Bytes service_tagged = tagged(bytes, 7);
    service_tagged[12] = 0x88;
    service_tagged[13] = 0xa8;
    CHECK(unpadded(service_tagged) == size + 4);
    // The tag may have been there when the frame was padded.
    if (size + 4 <= kFramePadded) CHECK(unpadded(tagged(frame_with(type, packet, 56), 7)) == size + 4);
    if (size + 8 <= kFramePadded)
      CHECK(unpadded(tagged(tagged(frame_with(type, packet, 52), 7), 8)) == size + 8);
  }
}

TEST("a frame that is longer than a padded one keeps its size") {
  for (const uint32_t more : {1u, 4u, 5u, 100u, 1454u}) {
    const Bytes bytes = frame_with(0x0800, ip4(40), kFramePadded + more);
    CHECK(unpadded(bytes) == bytes.size());
    CHECK(unpadded(tagged(bytes, 7)) == bytes.size() + 4);
  }
}

TEST("a frame whose length is invalid, or that has none, keeps its size") {
  const Case cases[] = {
      {0x0800, ip4(0)},         {0x0800, ip4(19)},         {0x0800, ip4(23, 0x46)},
      {0x0800, ip4(30, 0x44)},  {0x0800, ip4(30, 0x65)},   {0x0800, Bytes(46, 0x45)},
      {0x86dd, ip6(0, 0x45)},   {0x86dd, Bytes(46, 0x60)}, {0x0806, arp(255, 255)},
      {0x0806, Bytes(46, 255)}, {0x0000, Bytes(46, 0)},    {47, Bytes(46, 0)},
      {1500, Bytes(46, 0)},     {0x05ff, Bytes(46, 0)},    {0x0600, Bytes(46, 0)},
      {0x88b5, ip4(20)},        {0x8035, arp()},           {0x8100, {}},
  };
  for (const auto& [type, packet] : cases) {
    Bytes bytes = frame_with(type, packet);
    bytes.resize(kFramePadded);
    CHECK(unpadded(bytes) == kFramePadded);
  }
  // Only tags; and frames whose packet is shorter than its header, or that are shorter than a frame.
  Bytes tags = frame_bytes(kBroadcast, kA, 60);
  for (size_t at = 12; at < 60; at += 4) std::ranges::copy(Bytes{0x81, 0x00, 0, 7}, &tags[at]);
  CHECK(unpadded(tags) == 60);
  for (const uint16_t type : {0x0800, 0x86dd, 0x0806, 0x8100}) {
    const Bytes bytes = frame_with(type, ip6(6));
    for (size_t size = 0; size < 22; size++)
      CHECK(unpadded({bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size)}) == size);
  }
}

TEST("random frames lose nothing but what their packet does not include, however their bytes are split") {
  for (int round = 0; round < rounds(20'000); round++) {
    Bytes bytes = frame_bytes(kBroadcast, kA, 14 + random_below(60));
    for (size_t at = 12; at < bytes.size(); at++) bytes[at] = static_cast<uint8_t>(random_below(256));
    const uint16_t types[] = {0x0800, 0x86dd, 0x0806, 46, 0x8100};
    const uint16_t type = types[random_below(5)];
    bytes[12] = static_cast<uint8_t>(type >> 8);
    bytes[13] = static_cast<uint8_t>(type);
    if (bytes.size() > 20 && random_below(4) != 0) {
      bytes[14] = type == 0x86dd ? 0x60 : 0x45;
      bytes[16] = bytes[18] = 0;
      bytes[17] = static_cast<uint8_t>(random_below(80));
      bytes[19] = static_cast<uint8_t>(random_below(10));
    }
    const uint32_t whole = unpadded(bytes);
    CHECK(whole >= 14 && whole <= bytes.size());
    CHECK(whole == bytes.size() || bytes.size() <= kFramePadded + kTagSize);
    // The padding can be cut off, or be anything, and the size stays the same.
    Bytes other = bytes;
    for (size_t at = whole; at < other.size(); at++) other[at] ^= 0xff;
    CHECK(unpadded(other) == whole);
    other.resize(whole);
    CHECK(unpadded(other) == whole);
    // In three parts, of which the first has the addresses.
    const size_t second = 12 + random_below(static_cast<uint32_t>(bytes.size() - 11));
    Frame frame;
    frame.parts = {iovec{bytes.data(), 12}, iovec{&bytes[12], second - 12},
                   iovec{bytes.data() + second, bytes.size() - second}};
    frame.part_count = 3;
    CHECK(size_without_padding(frame) == whole);
  }
}

TEST("a stream sends short frames without their padding if it is asked to, and other frames as they are") {
  const Unpadded unpadded;
  for (const auto& [type, packet] : short_packets()) {
    const Bytes bytes = frame_with(type, packet);
    const Bytes long_one = frame_with(0x0800, ip4(40), 1514);
    Slot first(bytes), second(long_one), third(tagged(frame_with(type, packet, 56), 7)), fourth(bytes);
    Frame untagged, with_tag;
    third.frame.make_untagged_view(untagged);
    uint8_t tag[kTagSize];
    fourth.frame.vlan = 7;
    fourth.frame.make_tagged_view(with_tag, tag);
    Frame* frames[] = {&first.frame, &second.frame, &untagged, &with_tag};
    CHECK(unpadded.stream->send(frames, 0).frames == 4);
    const Bytes bare = frame_with(type, packet, 0);
    CHECK(unpadded.read() == bare);
    CHECK(unpadded.read() == long_one);
    CHECK(unpadded.read() == bare);
    CHECK(unpadded.read() == tagged(bare, 7));
  }
  SocketPair pair(SOCK_STREAM);
  Stream padded(std::move(pair.ours));
  Slot slot(frame_with(0x0800, ip4(20)));
  Frame* frames[] = {&slot.frame};
  CHECK(padded.send(frames, 0).frames == 1);
  Bytes room(100);
  CHECK(recv(pair.theirs.number(), room.data(), room.size(), 0) == 4 + 60);
}

TEST("frames that waited in the queue, or were sent in part, are sent without their padding too") {
  Bench bench(1, 1024, 600);
  bench.sw.hub = true;
  Unpadded unpadded(2048);
  Port& port = bench.sw.add_port(2);
  port.attachments.push_back(
      std::make_unique<Attachment>(port, 2, std::move(unpadded.stream), 600, bench.memory));
  bench.sw.update_active(port);
  std::vector<Bytes> sent;
  for (uint32_t i = 0; i < 500; i++) {
    const Bytes packet = ip4(20 + i % 27);
    bench.send(1, {frame_with(0x0800, packet)});
    sent.push_back(frame_with(0x0800, packet, 0));
  }
  const Attachment& attachment = *port.attachments[0];
  CHECK(attachment.service.waiting && attachment.queue.frames() > 0);
  for (const Bytes& bare : sent) {
    CHECK(unpadded.read() == bare);
    bench.drain(2);
  }
  CHECK(!attachment.service.waiting && attachment.queue.empty());
  CHECK(bench.count(2, transmit_broadcast) == 500 && bench.count(2, transmit_drop_queue_full) == 0);
}
