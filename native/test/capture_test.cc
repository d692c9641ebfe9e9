// Tests what captures write, and that the loop never waits for a capture.
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <future>

#include "engine/offload/virtio_header.h"
#include "test/datagrams.h"
#include "test/loops.h"
#include "test/pcapng_reader.h"

using namespace tsvde;
using namespace tsvde::test;

namespace {

constexpr uint32_t kInbound = 1;
constexpr uint32_t kOutbound = 2;

// Two clients on ports 1 and 2 of a loop. `ended` gets the errno of a capture that has ended.
struct Network {
  Network() : loop(1024, [this](const Event& event) { notice(event); }), a(loop, 1, 1), b(loop, 2, 2) {}

  void notice(const Event& event) {
    if (event.kind == Event::Kind::capture_ended) ended.set_value(event.error);
  }
  // Sends frames from port 1 to port 2 and waits for each to arrive.
  std::vector<Bytes> exchange(uint32_t count, size_t size = 100) const {
    std::vector<Bytes> sent;
    for (uint32_t i = 0; i < count; i++) {
      sent.push_back(frame_bytes(kB, kA, size, static_cast<uint8_t>(i)));
      a.send(sent.back());
      CHECK(b.receive() == sent.back());
    }
    return sent;
  }
  CaptureStats stats() {
    CaptureStats stats;
    loop.with_capture(1, [&](Capture& capture) { stats = capture.stats(); });
    return stats;
  }
  int finish() {
    loop.with_capture(1, [](Capture& capture) { capture.finish(); });
    return ended.get_future().get();
  }

  std::promise<int> ended;
  Loop loop;
  Client a, b;
};

struct TemporaryFile {
  TemporaryFile() : fd(memfd_create("capture", MFD_CLOEXEC)) {}
  [[nodiscard]] Fd duplicate() const { return Fd(fcntl(fd.number(), F_DUPFD_CLOEXEC, 0)); }
  [[nodiscard]] Bytes read() const {
    struct stat found {};
    CHECK(fstat(fd.number(), &found) == 0);
    Bytes bytes(static_cast<size_t>(found.st_size));
    CHECK(pread(fd.number(), bytes.data(), bytes.size(), 0) == found.st_size);
    return bytes;
  }
  Fd fd;
};

Bytes read_all(const Fd& fd) {
  Bytes all;
  for (;;) {
    Bytes piece(65536);
    const ssize_t size = read(fd.number(), piece.data(), piece.size());
    if (size <= 0) return all;
    all.insert(all.end(), piece.begin(), piece.begin() + size);
  }
}

struct Pipe {
  Pipe() {
    int ends[2];
    CHECK(pipe2(ends, O_CLOEXEC) == 0);
    fcntl(ends[1], F_SETFL, O_NONBLOCK);
    reader = Fd(ends[0]);
    writer = Fd(ends[1]);
  }
  Fd reader, writer;
};

// An endpoint that receives one whole datagram, as from a TAP with offloads.
class Whole final : public Endpoint {
 public:
  explicit Whole(const test::Datagram& datagram) : datagram_(datagram), event_(eventfd(1, EFD_CLOEXEC)) {
    watch({.fd = event_.number(), .frames = EPOLLIN});
  }
  Moved receive(std::span<Frame> frames, Time) override {
    if (std::exchange(done_, true)) return {0, EAGAIN};
    eventfd_t ignored = 0;
    eventfd_read(event_.number(), &ignored);
    const Bytes bytes = whole_frame(datagram_);
    std::ranges::copy(bytes, frames[0].data());
    frames[0].parts[0].iov_len = bytes.size();
    const VirtioHeader header{.flags = 1,
                              .gso_type = 1,
                              .hdr_len = 0,
                              .gso_size = static_cast<uint16_t>(datagram_.segment),
                              .csum_start = static_cast<uint16_t>(layout(datagram_).transport),
                              .csum_offset = 16};
    CHECK(read_virtio_header(header, frames[0]));
    return {1, 0};
  }
  Moved send(std::span<Frame* const> frames, Time) override {
    return {static_cast<uint32_t>(frames.size()), 0};
  }

 private:
  const test::Datagram datagram_;
  Fd event_;
  bool done_ = false;
};

uint64_t now_ns() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

}  // namespace

TEST("a capture to a file has each frame once for each port, with its direction, time and bytes") {
  Network network;
  const TemporaryFile file;
  const uint64_t before = now_ns();
  CHECK(network.loop.add_capture(1, {.application = "test"}, file.duplicate()) == 0);
  network.loop.with_capture(1, [](Capture& capture) {
    capture.describe(2, "second", "a description");
    capture.add_interface(2);
  });
  const auto sent = network.exchange(300, 101);
  CHECK(network.stats().frames == 600 && network.stats().bytes == 600 * 101);
  CHECK(network.finish() == 0);
  const PcapngFile read(file.read());
  CHECK(read.application == "test" && read.interfaces.size() == 2);
  CHECK(read.interfaces[0].name == "second" && read.interfaces[0].description == "a description");
  CHECK(read.interfaces[1].name == "port 1");
  for (const auto& interface : read.interfaces)
    CHECK(interface.link_type == 1 && interface.snap_length == 262144 && interface.nanoseconds);
  CHECK(read.packets.size() == 600);
  CHECK(read.frames("port 1", kInbound) == sent && read.frames("second", kOutbound) == sent);
  uint64_t last = before;
  for (const auto& packet : read.packets) {
    CHECK(packet.time >= last && packet.size == 101);
    last = packet.time;
  }
  CHECK(last <= now_ns());
  CHECK(read.statistics.size() == 2);
  for (const auto& statistics : read.statistics) CHECK(statistics.received == 300 && statistics.dropped == 0);
  CHECK(network.stats().ended);
  network.loop.remove_capture(1);
  CHECK(!network.loop.call([](Switch& sw, int64_t) { return sw.observed; }));
}

TEST("a capture can be limited to ports, a direction, a length and a number of frames") {
  for (const bool received : {true, false}) {
    Network network;
    const TemporaryFile file;
    const CaptureSettings settings{
        .ports = {2}, .received = received, .transmitted = !received, .snap_length = 20, .count = 5};
    CHECK(network.loop.add_capture(1, settings, file.duplicate()) == 0);
    for (int i = 0; i < 20; i++) {
      network.a.send(frame_bytes(kB, kA, 61));
      CHECK(network.b.receive().size() == 61);
      network.b.send(frame_bytes(kA, kB, 62));
      CHECK(network.a.receive().size() == 62);
    }
    CHECK(network.ended.get_future().get() == 0);
    const PcapngFile read(file.read());
    CHECK(read.interfaces.size() == 1 && read.interfaces[0].name == "port 2");
    CHECK(read.interfaces[0].snap_length == 20 && read.packets.size() == 5);
    for (const auto& packet : read.packets) {
      CHECK(packet.flags == (received ? kInbound : kOutbound));
      CHECK(packet.size == (received ? 62 : 61) && packet.bytes.size() == 20);
    }
  }
}

TEST("a whole datagram from a TAP is captured in segments, in both directions") {
  Network network;
  const TemporaryFile file;
  test::Datagram datagram;
  datagram.payload = random_bytes(20000);
  network.loop.call([](Switch& sw, int64_t) { sw.add_port(3); });
  CHECK(network.loop.add_capture(1, {}, file.duplicate()) == 0);
  CHECK(network.loop.attach(3, 3, std::make_unique<Whole>(datagram), 16) == 0);
  const auto frames = wire_frames(datagram);
  for (const Bytes& frame : frames) CHECK(network.b.receive() == frame);
  CHECK(network.finish() == 0);
  const PcapngFile read(file.read());
  CHECK(read.frames("port 3", kInbound) == frames);
  CHECK(read.frames("port 1", kOutbound) == frames && read.frames("port 2", kOutbound) == frames);
  CHECK(read.packets.size() == 3 * frames.size());
}

TEST("of a frame that is dropped as too long, only the bytes that were received are captured") {
  Network network;
  const TemporaryFile file;
  CHECK(network.loop.add_capture(1, {.drops = true}, file.duplicate()) == 0);
  network.a.send(frame_bytes(kB, kA, 200'000, 1));
  network.exchange(1);
  CHECK(count(network.loop, 1, receive_drop_too_long) == 1);
  CHECK(network.finish() == 0);
  const PcapngFile read(file.read());
  CHECK(read.packets.size() == 3 && read.packets[0].bytes.size() == kFrameRoom);
}

TEST("a reader that shuts down its side of a socket gets all frames, the statistics and end-of-file") {
  Network network;
  SocketPair pair(SOCK_STREAM);
  CHECK(network.loop.add_capture(1, {}, std::move(pair.ours)) == 0);
  auto reading = std::async(std::launch::async, [&] { return read_all(pair.theirs); });
  const auto sent = network.exchange(500, 1500);
  CHECK(shutdown(pair.theirs.number(), SHUT_WR) == 0);
  CHECK(network.ended.get_future().get() == 0);
  network.loop.remove_capture(1);
  const PcapngFile read(reading.get());
  CHECK(read.frames("port 1", kInbound) == sent && read.frames("port 2", kOutbound) == sent);
  CHECK(read.statistics.size() == 2);
}

TEST("each burst is written at once, and an idle capture does not wake the loop") {
  Network network;
  Pipe pipe;
  CHECK(network.loop.add_capture(1, {.transmitted = false}, std::move(pipe.writer)) == 0);
  Bytes all;
  for (int i = 0; i < 20; i++) {
    (void)network.exchange(1, 200);
    pollfd ready{pipe.reader.number(), POLLIN, 0};
    CHECK(poll(&ready, 1, 10'000) == 1);
    Bytes piece(65536);
    const ssize_t size = read(pipe.reader.number(), piece.data(), piece.size());
    all.insert(all.end(), piece.begin(), piece.begin() + std::max<ssize_t>(size, 0));
  }
  CHECK(sleeps(network.loop));
  while (network.stats().frames == 20 && PcapngFile(all).packets.size() < 20) {
    Bytes piece(65536);
    const ssize_t size = read(pipe.reader.number(), piece.data(), piece.size());
    all.insert(all.end(), piece.begin(), piece.begin() + std::max<ssize_t>(size, 0));
  }
  CHECK(PcapngFile(all).packets.size() == 20);
}

TEST("a reader that does not read loses frames, which are counted, and nothing else waits") {
  Network network;
  Pipe pipe;
  CHECK(network.loop.add_capture(1, {}, std::move(pipe.writer)) == 0);
  constexpr uint32_t kFrames = 4000;
  (void)network.exchange(kFrames, 3000);  // 24 MB, three times the ring
  const CaptureStats before = network.stats();
  CHECK(before.frames + before.lost == 2 * kFrames && before.lost > 0 && before.frames > 0);
  CHECK(sleeps(network.loop));
  auto reading = std::async(std::launch::async, [&] { return read_all(pipe.reader); });
  CHECK(network.finish() == 0);
  network.loop.remove_capture(1);
  const PcapngFile read(reading.get());
  CHECK(read.packets.size() == before.frames);
  uint64_t lost = 0;
  for (const auto& statistics : read.statistics) lost += statistics.dropped;
  CHECK(lost == before.lost);
}

TEST("a reader that disconnects ends the capture, even while there are no frames") {
  for (const bool is_pipe : {true, false}) {
    Network network;
    Pipe pipe;
    SocketPair pair(SOCK_STREAM);
    Fd& reader = is_pipe ? pipe.reader : pair.theirs;
    Fd& writer = is_pipe ? pipe.writer : pair.ours;
    CHECK(network.loop.add_capture(1, {}, std::move(writer)) == 0);
    (void)network.exchange(1);
    reader = Fd();
    CHECK(network.ended.get_future().get() != 0);
    CHECK(sleeps(network.loop));
    (void)network.exchange(3);
    CHECK(network.stats().ended);
  }
}

TEST("a capture to a file that cannot grow ends with the errno") {
  Network network;
  rlimit before{};
  CHECK(getrlimit(RLIMIT_FSIZE, &before) == 0);
  char path[] = "/tmp/tsvde-capture-XXXXXX";
  Fd limited(mkstemp(path));
  unlink(path);
  const rlimit small{65536, before.rlim_max};
  CHECK(setrlimit(RLIMIT_FSIZE, &small) == 0);
  CHECK(network.loop.add_capture(1, {}, std::move(limited)) == 0);
  (void)network.exchange(200, 1500);
  CHECK(network.ended.get_future().get() == EFBIG);
  CHECK(setrlimit(RLIMIT_FSIZE, &before) == 0);
  (void)network.exchange(3);
  CHECK(network.stats().error == EFBIG);
}

TEST("a file that has grown large has all bytes in order, and no blocks beyond its end") {
  constexpr size_t kBlocks = 12;
  const TemporaryFile file;
  Bytes all;
  {
    FileOutput output(file.duplicate());
    CHECK(output.start() == 0);
    for (size_t i = 0; i < kBlocks; i++) {
      const Bytes block = random_bytes(size_t{1} << 20);
      while (output.ring.room() < block.size()) std::this_thread::yield();
      output.ring.put(block.data(), block.size());
      output.ring.publish();
      output.flush();
      all.insert(all.end(), block.begin(), block.end());
    }
  }
  CHECK(file.read() == all);
  struct stat found {};
  CHECK(fstat(file.fd.number(), &found) == 0);
  CHECK(static_cast<size_t>(found.st_blocks) * 512 < all.size() + 65536);
}

TEST("captures that still run are completed when the loop stops") {
  const TemporaryFile file;
  Pipe pipe;
  {
    Network network;
    CHECK(network.loop.add_capture(1, {}, file.duplicate()) == 0);
    CHECK(network.loop.add_capture(2, {}, std::move(pipe.writer)) == 0);
    (void)network.exchange(10);
  }
  CHECK(PcapngFile(file.read()).packets.size() == 20 && PcapngFile(file.read()).statistics.size() == 2);
  const PcapngFile piped(read_all(pipe.reader));
  CHECK(piped.packets.size() == 20 && piped.statistics.size() == 2);
}

TEST("a capture to a device or to an invalid descriptor is refused") {
  Network network;
  CHECK(network.loop.add_capture(1, {}, Fd(open("/dev/null", O_WRONLY | O_CLOEXEC))) == EINVAL);
  CHECK(network.loop.add_capture(1, {}, Fd(-1)) == EBADF);
  CHECK(!network.loop.call([](Switch& sw, int64_t) { return sw.observed; }));
}

TEST("a filter decides before anything is written") {
  Network network;
  const TemporaryFile file;
  // The filter accepts frames of at least 100 bytes.
  auto filter = Bpf::checked({{0x80, 0, 0, 0}, {0x35, 0, 1, 100}, {6, 0, 0, 1}, {6, 0, 0, 0}});
  CHECK(filter.has_value());
  CHECK(network.loop.add_capture(1, {.filter = std::move(filter)}, file.duplicate()) == 0);
  for (const size_t size : {60, 100, 99, 1500}) (void)network.exchange(1, size);
  CHECK(network.finish() == 0);
  const PcapngFile read(file.read());
  CHECK(read.packets.size() == 4);
  for (const auto& packet : read.packets) CHECK(packet.size == 100 || packet.size == 1500);
  CHECK(read.statistics.size() == 2 && read.statistics[0].received == 2);
}

TEST("bytes pass a ring between two threads in order") {
  ByteRing ring(4096);
  constexpr uint32_t kTotal = 200'000;
  std::thread taker([&] {
    uint32_t taken = 0;
    while (taken < kTotal) {
      if (ring.empty()) std::this_thread::yield();
      size_t count = 0;
      for (const iovec& piece : ring.waiting()) {
        const auto* bytes = static_cast<const uint8_t*>(piece.iov_base);
        for (size_t i = 0; i < piece.iov_len; i++) CHECK(bytes[i] == static_cast<uint8_t>(taken++ * 7));
        count += piece.iov_len;
      }
      ring.take(count);
    }
  });
  Bytes block;
  for (uint32_t put = 0; put < kTotal;) {
    block.resize(std::min(1 + random_below(300), kTotal - put));
    for (uint8_t& byte : block) byte = static_cast<uint8_t>(put++ * 7);
    while (ring.room() < block.size()) std::this_thread::yield();
    ring.put(block.data(), block.size());
    ring.publish();
  }
  taker.join();
  CHECK(ring.empty() && ring.room() == 4096);
}
