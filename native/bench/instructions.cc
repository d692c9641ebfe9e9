// Work for callgrind: the forwarding decision and the offloads, without system calls. `instructions WHAT
// FRAMES` moves that many frames. To get the cost of a frame, run the program with two numbers of frames, and
// divide the difference between the costs by the difference between the numbers.
#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>

#include "engine/capture/captures.h"
#include "engine/offload/coalescer.h"
#include "engine/offload/segmenter.h"
#include "engine/switch.h"
#include "test/datagrams.h"

using namespace tsvde;
using tsvde::test::Datagram;

namespace {

// An endpoint that accepts all frames at no cost.
class Sink final : public Endpoint {
 public:
  Moved receive(std::span<Frame>, Time) override { return {0, EAGAIN}; }
  Moved send(std::span<Frame* const> frames, Time) override {
    return {static_cast<uint32_t>(frames.size()), 0};
  }
};

class Deaf final : public Switch::Observer {
  void moved(MacKey, uint32_t, uint32_t, bool) override {}
  void flapping(MacKey, uint32_t, uint32_t, int64_t) override {}
  void bpdu(const Port&, const Frame&) override {}
  void captured(const Port&, const Frame&, bool) override {}
  void dropped(const Port&, const Frame&, Counter) override {}
};

// Captures frames to a file in memory.
class Capturing final : public Switch::Observer {
 public:
  explicit Capturing(std::optional<Bpf> filter) : captures_([](uint32_t) {}) {
    CaptureSettings settings;
    settings.filter = std::move(filter);
    std::unique_ptr<Capture> made;
    Fd file(memfd_create("capture", MFD_CLOEXEC));
    if (captures_.make(std::move(settings), std::move(file), made) != 0 || captures_.add(1, made) != 0)
      abort();
  }
  ~Capturing() override { captures_.remove_all(); }
  void flush() { captures_.flush(); }
  void moved(MacKey, uint32_t, uint32_t, bool) override {}
  void flapping(MacKey, uint32_t, uint32_t, int64_t) override {}
  void bpdu(const Port&, const Frame&) override {}
  void captured(const Port& port, const Frame& frame, bool received) override {
    captures_.take(port.number, frame, received);
  }
  void dropped(const Port&, const Frame&, Counter) override {}

 private:
  Captures captures_;
};

// `tcp port 4242`, as libpcap compiles it. It rejects the frames of this program after four instructions.
std::optional<Bpf> tcp_port() {
  return Bpf::checked({{0x28, 0, 0, 12},     {0x15, 0, 6, 0x86dd}, {0x30, 0, 0, 20},    {0x15, 0, 15, 6},
                       {0x28, 0, 0, 54},     {0x15, 12, 0, 4242},  {0x28, 0, 0, 56},    {0x15, 10, 11, 4242},
                       {0x15, 0, 10, 0x800}, {0x30, 0, 0, 23},     {0x15, 0, 8, 6},     {0x28, 0, 0, 20},
                       {0x45, 6, 0, 0x1fff}, {0xb1, 0, 0, 14},     {0x48, 0, 0, 14},    {0x15, 2, 0, 4242},
                       {0x48, 0, 0, 16},     {0x15, 0, 1, 4242},   {0x6, 0, 0, 262144}, {0x6, 0, 0, 0}});
}

constexpr uint64_t kEverybody = 0xffff'ffff'ffff;

// Fills in a frame of 60 bytes from address `from` to address `to`. Address n belongs to port n.
void fill(uint8_t* bytes, uint64_t to, uint64_t from) {
  memset(bytes, 0, 60);
  memcpy(bytes, &to, 6);
  memcpy(bytes + 6, &from, 6);
  bytes[12] = 0x88;
  bytes[13] = 0xb5;
}

struct Network {
  explicit Network(uint32_t ports, Capturing* capturing = nullptr)
      : capturing(capturing),
        sw(131072, capturing != nullptr ? static_cast<Switch::Observer&>(*capturing) : deaf) {
    sw.observed = capturing != nullptr;
    for (uint32_t number = 1; number <= ports; number++) {
      Port& port = sw.add_port(number);
      port.attachments.push_back(
          std::make_unique<Attachment>(port, number, std::make_unique<Sink>(), 256, memory));
      sw.update_active(port);
    }
    for (uint32_t number = 1; number <= ports; number++) send(number, kEverybody, address(number), 1);
  }
  static uint64_t address(uint32_t n) { return 0x02 | uint64_t{n} << 16; }

  void send(uint32_t from, uint64_t to, uint64_t source, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
      fill(slots[i], to, source);
      batch[i].parts[0] = {slots[i], 60};
    }
    sw.route(*sw.port(from), {batch.data(), count}, 0);
    for (Port* port : sw.touched()) (void)port->transmit(0);
    sw.touched().clear();
    if (capturing != nullptr) capturing->flush();
  }

  Deaf deaf;
  Capturing* capturing;
  QueueMemory memory;
  Switch sw;
  uint8_t slots[kBatch][64];
  std::array<Frame, kBatch> batch;
};

// Returns the nth address for which MurmurHash3's finalizer, without the secret, returns zeroes in its low
// bits: a hostile guest would choose such addresses. The steps of the finalizer are inverted. The step
// `key ^= key >> 33` is its own inverse, since it shifts by more than half of the bits.
uint64_t chosen_address(uint32_t n) {
  const auto inverse = [](uint64_t odd) {
    uint64_t found = odd;  // 3 bits are correct, and twice as many after each step
    for (int i = 0; i < 5; i++) found *= 2 - odd * found;
    return found;
  };
  uint64_t key = uint64_t{n} << 24;
  for (const uint64_t factor : {0xc4ceb9fe1a85ec53, 0xff51afd7ed558ccd})
    key = (key ^ key >> 33) * inverse(factor);
  return key ^ key >> 33;
}

template <typename Address>
void learn_and_find(uint32_t frames, uint32_t count, Address address) {
  MacTable table(131072);
  table.add_port(1);
  for (uint32_t i = 0; i < count; i++) table.learn(address(i), 1, 0);
  uint64_t found = 0;
  for (uint32_t i = 0; i < frames; i++) {
    table.learn(address(i * 7919 % count), 1, 0);
    found += table.find(address(i * 104'729 % count)).value_or(0);
  }
  if (found != frames) abort();
}

// A TCP datagram over IPv4 that makes half a batch of segments.
Datagram segments_of_a_batch() {
  Datagram datagram;
  datagram.segment = 1448;
  datagram.payload.resize(size_t{kBatch} * datagram.segment / 2);
  return datagram;
}

void segment(uint32_t frames) {
  Frame frame;
  auto bytes = test::whole_frame(segments_of_a_batch());
  frame.parts[0] = {bytes.data(), bytes.size()};
  frame.offload = {.checksum_start = 34,
                   .checksum_offset = 16,
                   .header_size = 54,
                   .segment_size = 1448,
                   .segmentation = Offload::Segmentation::tcp4};
  Segmenter segmenter;
  for (uint32_t done = 0; done < frames;) {
    segmenter.start(frame);
    while (segmenter.next() != nullptr) done++;
  }
}

void coalesce(uint32_t frames) {
  auto segments = test::wire_frames(segments_of_a_batch());
  std::vector<Frame> batch(segments.size());
  std::vector<Frame*> pointers(segments.size());
  Coalescer coalescer;
  for (uint32_t done = 0; done < frames; done += static_cast<uint32_t>(segments.size())) {
    for (size_t i = 0; i < segments.size(); i++) {
      batch[i].parts[0] = {segments[i].data(), segments[i].size()};
      pointers[i] = &batch[i];
    }
    if (coalescer.coalesce(pointers) != 1) abort();
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const std::string what = argv[1];
  const auto frames = static_cast<uint32_t>(strtoul(argv[2], nullptr, 10));
  if (what == "mac_table") {
    learn_and_find(frames, 100'000, Network::address);
    return 0;
  }
  if (what == "mac_table_chosen") {
    learn_and_find(frames, 1000, chosen_address);
    return 0;
  }
  if (what == "segmenter" || what == "coalescer") {
    what == "segmenter" ? segment(frames) : coalesce(frames);
    return 0;
  }
  std::optional<Capturing> capturing;
  if (what == "unicast-captured") capturing.emplace(std::nullopt);
  if (what == "unicast-filtered") capturing.emplace(tcp_port());
  Network network(what == "flood16" ? 17 : 2, capturing ? &*capturing : nullptr);
  if (what == "unicast-tagged") {
    network.sw.vlans.set_created(5, true);
    network.sw.set_untagged_vlan(*network.sw.port(1), 5);
    network.sw.set_member(*network.sw.port(2), 5, true);
  } else if (what != "unicast" && what != "flood16" && !capturing) {
    return 2;
  }
  const uint64_t to = what == "flood16" ? kEverybody : Network::address(2);
  for (uint32_t done = 0; done < frames; done += kBatch) network.send(1, to, Network::address(1), kBatch);
}
