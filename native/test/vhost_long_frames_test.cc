// Tests long frames of guests, whose payload stays in the guest's memory until it is sent.
#include <algorithm>
#include <array>

#include "engine/offload/virtio_header.h"
#include "test/datagrams.h"
#include "test/vhost_guests.h"

namespace tsvde::test {
namespace {

// Makes a frame with its header available as a chain of `pieces` descriptors, beginning with `first`. Their
// buffers do not follow each other.
void transmit_in_pieces(FrontEnd& guest, const Octets& frame, uint32_t pieces, const NetHeader& header = {},
                        uint32_t first = 0) {
  const Octets bytes = FrontEnd::with_header(frame, header);
  const auto size = static_cast<uint32_t>(bytes.size());
  const uint32_t most = (size + pieces - 1) / pieces;
  uint32_t at = 0;
  for (uint32_t i = first; i < first + pieces; i++) {
    const uint32_t length = std::min(most, size - at);
    std::copy_n(&bytes[at], length, guest.memory.at(FrontEnd::buffer(i)));
    guest.send.describe(i, FrontEnd::buffer(i), length, i + 1 < first + pieces ? kDescriptorNext : 0, i + 1);
    at += length;
  }
  guest.send.offer(first);
}

// Returns the header with which a guest hands over the whole frame.
NetHeader net_header_of(const Datagram& d) {
  NetHeader header;
  const VirtioHeader offload = header_of(d);
  std::memcpy(static_cast<void*>(&header), &offload, sizeof offload);
  return header;
}

// Makes frames of different lengths and contents available at once, most of them in several pieces.
std::vector<Octets> transmit_many(FrontEnd& guest, uint8_t to) {
  std::vector<Octets> frames;
  uint32_t first = 0;
  for (uint32_t i = 0; i < 28; i++) {
    constexpr std::array<uint32_t, 4> kSizes{60, 2048, 9000, 3001};
    Octets frame = frame_to(to, 1, kSizes[i % 4]);
    for (uint32_t at = 14; at < frame.size(); at++) frame[at] = static_cast<uint8_t>(frame[at] + 37 * i);
    const uint32_t pieces = i % 4 == 0 ? 1 : 1 + i % 7;
    transmit_in_pieces(guest, frame, pieces, {}, first);
    first += pieces;
    frames.push_back(std::move(frame));
  }
  return frames;
}

// An endpoint whose receive() and send() the test calls itself.
struct Direct : FrontEnd {
  explicit Direct(SocketPair pair = SocketPair(SOCK_STREAM))
      : FrontEnd(std::move(pair.theirs)), endpoint(std::move(pair.ours), VhostUser::Options{}) {
    endpoint.count_in(counters);
    endpoint.on_ready = [] {};
    // The thread that answers is the one that guards the memory.
    std::atomic<bool> done = false;
    std::thread front_end([&] {
      connect();
      done = true;
    });
    while (!done) {
      pollfd polled{endpoint.watches()[0].fd, POLLIN, 0};
      if (poll(&polled, 1, 10) == 1) CHECK(endpoint.woken(polled.fd, POLLIN, 0) == 0);
    }
    front_end.join();
  }

  // Receives one frame, and returns whether it is borrowed.
  bool receive_one() {
    const auto [frames, error, dropped] = receive(1);
    CHECK(frames == 1 && error == 0 && dropped == 0);
    return frame().borrowed;
  }
  Moved receive(uint32_t most) {
    for (uint32_t i = 0; i < most; i++) {
      frames[i] = {};
      frames[i].parts[0] = {slots[i].data(), kFrameRoom};
    }
    return endpoint.receive(std::span(frames).first(most), 0);
  }
  Frame& frame() { return frames[0]; }
  uint32_t send_to(Direct& other) {
    Frame* const pointer = &frame();
    return other.endpoint.send({&pointer, 1}, 0).frames;
  }

  Counters counters{};
  VhostUser endpoint;
  std::array<Frame, 4> frames;
  std::array<Octets, 4> slots{Octets(kFrameRoom), Octets(kFrameRoom), Octets(kFrameRoom), Octets(kFrameRoom)};
};

}  // namespace

TEST("vhost long frames: from guest to guest, of every length and in any number of pieces") {
  Loop loop(100, [](const Event&) {});
  Guest one(loop, 1);
  Guest two(loop, 2);
  one.connect();
  two.connect();
  uint32_t sent = 0;
  for (const uint32_t size : {511u, 512u, 2047u, 2048u, 2049u, 9000u, 65'535u}) {
    for (const uint32_t pieces : {1u, 2u, 3u, 18u, 19u, 20u, 60u}) {
      two.post(sent++ % 128, 66'000);
      transmit_in_pieces(one, frame_to(2, 1, size), pieces);
      one.kick();
      CHECK(two.receive_frame() == FrontEnd::with_header(frame_to(2, 1, size)));
    }
  }
  CHECK(one.send.used_index() == sent);
}

TEST("vhost long frames: the beginning is copied and the rest is lent if its pieces are few enough") {
  FrontEnd guest;
  guest.connect();
  const auto lent = [&](uint32_t size, uint32_t pieces) {
    transmit_in_pieces(guest, octets(size), pieces);
    CHECK(guest.take() == octets(size));
    return guest.taken.lent;
  };
  CHECK(lent(2047, 1) == 0 && lent(2048, 1) == 1);
  CHECK(lent(2047, 4) == 0 && lent(2048, 4) == 3);
  guest.lent_most = 2;
  CHECK(lent(9000, 2) == 2 && lent(9000, 3) == 0);
  guest.lent_most = 0;
  CHECK(lent(9000, 1) == 0 && lent(9000, 3) == 0);
}

TEST("vhost long frames: many in one batch, to a guest, to a client and to both") {
  Loop loop(100, [](const Event&) {});
  Guest one(loop, 1);
  Guest two(loop, 2);
  const Client client(loop, 3, 3, 64);
  one.connect();
  two.connect();
  two.transmit(frame_to(9, 2));  // so that the addresses of both are known
  two.kick();
  CHECK(client.receive() == frame_to(9, 2));
  two.post(0, 2000);
  client.send(frame_to(9, 3));
  CHECK(two.receive_frame() == FrontEnd::with_header(frame_to(9, 3)));
  for (const uint8_t to : {2, 3, 9}) {
    for (uint32_t i = 0; i < 28; i++) two.post(i, 10'000);
    const std::vector<Octets> frames = transmit_many(one, to);
    one.kick();
    for (const Octets& frame : frames) {
      if (to != 3) CHECK(two.receive_frame() == FrontEnd::with_header(frame));
      if (to != 2) CHECK(client.receive() == frame);
    }
  }
}

TEST("vhost long frames: from a hub's guest, and to a port with a guest and a client") {
  Loop loop(100, [](const Event&) {});
  Guest one(loop, 1);
  Guest two(loop, 2);
  const Client client(loop, 2, 22, 64);
  const Client other(loop, 3, 3, 64);
  one.connect();
  two.connect();
  for (const bool hub : {false, true}) {
    loop.call([hub](Switch& sw, int64_t) { sw.hub = hub; });
    for (uint32_t i = 0; i < 28; i++) two.post(i, 10'000);
    const std::vector<Octets> frames = transmit_many(one, 9);
    one.kick();
    for (const Octets& frame : frames) {
      CHECK(two.receive_frame() == FrontEnd::with_header(frame));
      CHECK(client.receive() == frame && other.receive() == frame);
    }
  }
}

TEST("vhost long frames: the tag of a long BPDU is removed") {
  std::mutex mutex;
  std::vector<Octets> seen;
  Loop loop(100, [&](const Event& event) {
    const std::lock_guard lock(mutex);
    if (event.kind == Event::Kind::bpdu) seen.push_back(event.bytes);
  });
  Guest one(loop, 1);
  const Client client(loop, 2, 2);
  one.connect();
  loop.call([](Switch& sw, int64_t) {
    sw.takes_bpdus = true;
    sw.vlans.set_created(5, true);
    sw.set_member(*sw.port(1), 5, true);
  });
  Octets bpdu = octets(3000);
  constexpr std::array<uint8_t, 6> kBridges{0x01, 0x80, 0xc2, 0, 0, 0};
  std::ranges::copy(kBridges, bpdu.begin());
  bpdu[6] = 2;
  Octets with_tag = bpdu;
  constexpr std::array<uint8_t, 4> kTag{0x81, 0x00, 0x00, 0x05};
  with_tag.insert(with_tag.begin() + kTagAt, kTag.begin(), kTag.end());
  one.transmit(with_tag);
  one.transmit(frame_to(9, 1), 1);
  one.kick();
  CHECK(client.receive() == frame_to(9, 1));
  const std::lock_guard lock(mutex);
  CHECK(seen.size() == 1);
  CHECK(seen[0].size() > kFrameHeader && std::equal(seen[0].begin(), seen[0].end(), bpdu.begin()));
}

TEST("vhost long frames: to clients, tagged and untagged, and to a guest, in one flood") {
  Loop loop(100, [](const Event&) {});
  Guest one(loop, 1);
  Guest two(loop, 2);
  const Client plain(loop, 3, 3);
  const Client tagged(loop, 4, 4);
  one.connect(kAllFeatures & ~kOffloadFeatures);
  two.connect(kAllFeatures & ~kOffloadFeatures);
  loop.call([](Switch& sw, int64_t) {
    sw.vlans.set_created(5, true);
    for (uint32_t port = 1; port <= 3; port++) sw.set_untagged_vlan(*sw.port(port), 5);
    sw.set_member(*sw.port(4), 5, true);
  });
  Octets frame = frame_to(9, 1, 9000);
  Octets with_tag = frame;
  const uint8_t tag[] = {0x81, 0x00, 0x00, 0x05};
  with_tag.insert(with_tag.begin() + kTagAt, std::begin(tag), std::end(tag));
  for (uint32_t i = 0; i < 100; i++) {
    if (i == 50) loop.call([](Switch& sw, int64_t) { sw.set_untagged_vlan(*sw.port(3), kNoVlan); });
    for (uint32_t at = 14; at < frame.size(); at++)
      frame[at] = with_tag[at + 4] = static_cast<uint8_t>(at * (i + 1));
    two.post(i, 10'000);
    transmit_in_pieces(one, frame, 1 + i % 5);
    one.kick();
    CHECK(two.receive_frame() == FrontEnd::with_header(frame));
    if (i < 50) CHECK(plain.receive() == frame);
    CHECK(tagged.receive() == with_tag);
  }
}

TEST("vhost long frames: datagrams are segmented for a client and for a guest without offloads") {
  Loop loop(100, [](const Event&) {});
  Guest one(loop, 1);
  Guest two(loop, 2);
  const Client client(loop, 3, 3, 64);
  one.connect();
  two.connect(kAllFeatures & ~kOffloadFeatures);
  for (int round = 0; round < rounds(300); round++) {
    const Datagram d = random_datagram();
    const NetHeader header = net_header_of(d);
    const std::vector<Bytes> segments = wire_frames(d);
    for (uint32_t i = 0; i < segments.size(); i++) two.post(i, 10'000);
    transmit_in_pieces(one, whole_frame(d), 1 + random_below(20), header);
    one.kick();
    for (const Bytes& segment : segments) {
      CHECK(client.receive() == segment);
      CHECK(two.receive_frame() == FrontEnd::with_header(segment));
    }
  }
}

TEST("vhost long frames: long segments are coalesced for a guest that takes datagrams") {
  Loop loop(100, [](const Event&) {});
  Guest one(loop, 1);
  Guest two(loop, 2);
  one.connect(kAllFeatures & ~kOffloadFeatures);
  two.connect();
  Datagram d;
  d.segment = 8948;
  d.payload = random_bytes(7 * d.segment);
  const std::vector<Bytes> segments = wire_frames(d);
  // The switch asks for larger batches once it knows that the frames go to such a guest.
  two.post(0, 66'000);
  one.transmit(frame_to(9, 1), 0);
  one.kick();
  CHECK(two.receive_frame() == FrontEnd::with_header(frame_to(9, 1)));
  for (uint32_t i = 0; i < 7; i++) {
    two.post(1 + i, 66'000);
    transmit_in_pieces(one, segments[i], 1 + i % 2, {}, 2 * i);
  }
  one.kick();
  const NetHeader header = net_header_of(d);
  CHECK(two.receive_frame() == FrontEnd::with_header(whole_frame(d), header));
}

TEST("vhost long frames: a frame that waits for buffers is a copy") {
  Loop loop(100, [](const Event&) {});
  Guest one(loop, 1);
  Guest two(loop, 2);
  one.connect();
  two.connect();
  one.transmit(frame_to(2, 1, 9000));
  one.kick();
  while (one.send.used_index() == 0) std::this_thread::yield();
  std::fill_n(one.memory.at(FrontEnd::buffer(0)), 9012, uint8_t{0xee});
  two.post(0, 10'000);
  eventfd_write(two.receive.kick.number(), 1);
  CHECK(two.receive_frame() == FrontEnd::with_header(frame_to(2, 1, 9000)));
}

TEST("vhost long frames: a frame event has the whole frame") {
  std::mutex mutex;
  std::vector<Octets> seen;
  Loop loop(100, [&](const Event& event) {
    const std::lock_guard lock(mutex);
    if (event.kind == Event::Kind::received || event.kind == Event::Kind::transmitted)
      seen.push_back(event.bytes);
  });
  Guest one(loop, 1);
  Guest two(loop, 2);
  one.connect();
  two.connect();
  loop.set_frame_events(true);
  two.post(0, 10'000);
  transmit_in_pieces(one, frame_to(2, 1, 9000), 3);
  one.kick();
  CHECK(two.receive_frame() == FrontEnd::with_header(frame_to(2, 1, 9000)));
  const std::lock_guard lock(mutex);
  CHECK(seen.size() == 2 && seen[0] == frame_to(2, 1, 9000) && seen[1] == seen[0]);
}

TEST("vhost long frames: frame events have the segments of a datagram") {
  std::mutex mutex;
  std::vector<Octets> received;
  std::vector<Octets> transmitted;
  Loop loop(100, [&](const Event& event) {
    const std::lock_guard lock(mutex);
    if (event.kind == Event::Kind::received) received.push_back(event.bytes);
    if (event.kind == Event::Kind::transmitted) transmitted.push_back(event.bytes);
  });
  Guest one(loop, 1);
  Guest two(loop, 2);
  one.connect();
  two.connect();
  loop.set_frame_events(true);
  Datagram d;
  d.payload = random_bytes(30'000);
  const NetHeader header = net_header_of(d);
  two.post(0, 66'000);
  transmit_in_pieces(one, whole_frame(d), 18, header);
  one.kick();
  CHECK(two.receive_frame() == FrontEnd::with_header(whole_frame(d), header));
  const std::lock_guard lock(mutex);
  CHECK(received == wire_frames(d) && transmitted == received);
}

TEST("vhost long frames: a frame with a bad header leaves nothing in the slot of the next one") {
  Direct one;
  const NetHeader bad{.flags = 0, .gso_type = 77};
  one.transmit(octets(9000), 0, bad);
  one.transmit(octets(60), 1);
  const auto [frames, error, dropped] = one.receive(2);
  CHECK(frames == 1 && error == 0 && dropped == 1);
  CHECK(one.frame().size() == 60 && !one.frame().borrowed && one.frame().part_count == 1);
  CHECK(one.frame().list == nullptr && one.frame().copy() == octets(60));
  if (one.endpoint.lends()) one.endpoint.take_back();
  CHECK(one.send.used_index() == 2);

  one.transmit(octets(9000), 2, bad);
  CHECK(one.receive(1).frames == 0);
  if (one.endpoint.lends()) one.endpoint.take_back();
  CHECK(one.send.used_index() == 3);
}

TEST("vhost long frames: a frame that is too long for the switch is not borrowed") {
  Direct one;
  one.transmit(octets(kFrameMax), 0);
  CHECK(one.receive_one());
  one.transmit(octets(kFrameMax + 1), 1);
  CHECK(!one.receive_one() && one.frame().size() == kFrameMax + 1);
}

TEST("vhost long frames: a driver that sleeps is interrupted for each entry that it waits for") {
  for (const uint64_t features : {kAllFeatures, kAllFeatures & ~kEventIndex}) {
    Loop loop(100, [](const Event&) {});
    Guest one(loop, 1);
    const Client client(loop, 2, 2, 64);
    one.connect(features);
    for (int i = 0; i < rounds(2000); i++) {
      one.send.set_interrupt_threshold(one.send.seen);
      one.transmit(frame_to(2, 1, 2048 + static_cast<uint32_t>(i) % 100));
      one.kick();
      CHECK(client.receive().size() == 2048 + static_cast<uint32_t>(i) % 100);
      CHECK(wait_for(one.send.call));
      signals(one.send.call);
      CHECK(one.send.used());
    }
  }
}

TEST("vhost long frames: entries are published only after the frames were sent") {
  Direct one;
  Direct two;
  one.transmit(octets(60));
  CHECK(!one.receive_one() && one.send.used_index() == 1);
  one.transmit(octets(9000), 1);
  CHECK(one.receive_one() && one.send.used_index() == 1);
  two.post(0, 10'000);
  CHECK(one.send_to(two) == 1);
  CHECK(one.send.used_index() == 1);
  one.endpoint.take_back();
  CHECK(one.send.used_index() == 2 && !one.endpoint.lends());
  CHECK(two.contents(0, 9012) == FrontEnd::with_header(octets(9000)));
}

TEST("vhost long frames: a guest that truncates its memory while a frame is sent ends alone") {
  Direct one;
  Direct two;
  one.transmit(octets(9000));
  CHECK(one.receive_one());
  CHECK(ftruncate(one.memory.file.number(), 0) == 0);
  two.post(0, 10'000);
  CHECK(one.send_to(two) == 1);
  one.endpoint.take_back();
  Octets wanted = FrontEnd::with_header(octets(9000));
  std::fill(wanted.begin() + 12 + kCopied, wanted.end(), uint8_t{0});
  CHECK(two.contents(0, 9012) == wanted);
  char byte = 0;
  CHECK(recv(one.socket.number(), &byte, 1, 0) == 0);  // shut down
  two.transmit(octets(60));
  CHECK(!two.receive_one() && two.frame().size() == 60);
}

TEST("vhost long frames: memory that is truncated before a frame is gathered or queued reads as zeroes") {
  for (const bool queued : {false, true}) {
    Direct one;
    one.transmit(octets(9000));
    CHECK(one.receive_one());
    CHECK(ftruncate(one.memory.file.number(), 0) == 0);
    QueueMemory memory;
    FrameQueue queue(4, memory);
    std::array<Frame, 1> waiting;
    if (queued) {
      CHECK(queue.push(one.frame()) && queue.peek(waiting) == 1);
    } else {
      one.frame().gather();
      waiting[0] = one.frame();
    }
    one.endpoint.take_back();
    Octets wanted = octets(9000);
    std::fill(wanted.begin() + kCopied, wanted.end(), uint8_t{0});
    CHECK(waiting[0].copy() == wanted && !waiting[0].borrowed);
    char byte = 0;
    CHECK(recv(one.socket.number(), &byte, 1, 0) == 0);
  }
}

}  // namespace tsvde::test
