// Datagrams on their way through the switch, to endpoints with different offloads that fail in the middle.
// Whether a datagram passes whole, in segments, joined or from a queue, the frames on the wire are the same.
#include <deque>
#include <map>

#include "engine/offload/segmenter.h"
#include "fuzz/target.h"
#include "test/datagrams.h"

using namespace tsvde;
using namespace tsvde::fuzz;
using test::Bytes;

namespace {

constexpr uint32_t kSource = 1;
constexpr uint32_t kPorts = 3;  // the source, and two that get all frames

// An endpoint, with the frames on the wire that it should have sent.
struct Line {
  uint32_t port;
  size_t index;
  std::vector<Bytes> offered{};
  size_t seen = 0;
  uint64_t sent = 0;
};

class World {
 public:
  explicit World(Input& input) : input_(input), bench_(1) {
    const uint8_t kinds = input.byte();
    for (uint32_t port = 2; port <= kPorts; port++) {
      const size_t count = 1 + (kinds >> port & 1);
      for (size_t index = 0; index < count; index++) {
        set_offloads(bench_.attach(port, 1 + input.below(64)));
        lines_.push_back({port, index});
      }
    }
  }

  void step() {
    const uint8_t what = input_.byte();
    Line& line = lines_[what / 8u % lines_.size()];
    switch (what % 8) {
      case 0:
        set_offloads(fake(line));
        break;
      case 1:
      case 2:
        disturb(line);
        break;
      default:
        send(1 + what / 8u % 8);
    }
    for (Line& each : lines_) collect(each);
  }

  // Every endpoint gets room for one frame at a time, and then has all that was not dropped.
  void end() {
    std::map<uint32_t, uint64_t> missing;
    for (Line& line : lines_) {
      while (attachment(line).service.waiting) {
        fake(line).room = 1;
        bench_.drain(line.port, line.index);
      }
      require(attachment(line).queue.empty(), "an endpoint with room gets what waited");
      collect(line);
      missing[line.port] += line.offered.size() - line.sent;
    }
    for (const auto& [port, frames] : missing) {
      const Counters& counters = bench_.sw.port(port)->counters;
      uint64_t dropped = 0;
      for (const Counter drop : {transmit_drop_queue_full, transmit_drop_too_long, transmit_drop_peer_gone,
                                 transmit_drop_interface_down, transmit_drop_error})
        dropped += counters[drop];
      require(frames == dropped, "every frame on the wire is sent, or dropped and counted");
    }
  }

 private:
  Attachment& attachment(const Line& line) { return *bench_.sw.port(line.port)->attachments[line.index]; }
  test::FakeEndpoint& fake(const Line& line) { return bench_.at(line.port, line.index); }

  void set_offloads(test::FakeEndpoint& endpoint) {
    const uint8_t which = input_.byte();  // mostly none or all
    endpoint.set_offloads(which < 100 ? 0 : which < 200 ? 7 : which % 8);
  }

  void disturb(const Line& line) {
    static constexpr std::array<int, 6> kErrors = {0, 0, EAGAIN, ENOBUFS, ECONNREFUSED, EMSGSIZE};
    for (uint32_t count = input_.below(8); count > 0; count--)
      fake(line).errors.push_back(kErrors[input_.below(kErrors.size())]);
    const uint8_t room = input_.byte();
    fake(line).room = room < 200 ? room % 8 : 1000;
    if (attachment(line).service.waiting) bench_.drain(line.port, line.index);
  }

  test::Datagram some_datagram() {
    const uint8_t kind = input_.byte();
    test::Datagram d;
    d.v6 = (kind & 1) != 0;
    d.is_udp = (kind & 6) == 6;
    d.tags = kind / 8 % 2;
    d.flags = 0x10 | (input_.byte() & 0xc9);
    d.id = input_.next<uint16_t>();
    d.sequence = sequence_;
    d.segment = (kind & 0x10) != 0 ? 1448 : 20 + input_.byte();
    d.payload = Bytes(1 + ((kind & 0x20) != 0 ? input_.next<uint16_t>() % 6000 : input_.byte()));
    for (size_t i = 0; i < d.payload.size(); i++)
      d.payload[i] = static_cast<uint8_t>(serial_ + i * 3 + i / 256);
    sequence_ += static_cast<uint32_t>(d.payload.size());
    serial_ += 11;
    return d;
  }

  // Sends datagrams, each whole or in segments that may be joined again.
  void send(uint32_t count) {
    std::deque<test::Slot> slots;
    std::vector<Frame> frames;
    for (; count > 0; count--) {
      const test::Datagram d = some_datagram();
      auto wire = test::wire_frames(d);
      const bool whole = input_.one_in(2);
      const size_t field = test::layout(d).transport + 16;
      // Where the segmenter completes TCP's checksum, it writes 0 as ffff, which means the same.
      if (whole && !d.is_udp && wire.size() == 1 && wire[0][field] == 0 && wire[0][field + 1] == 0)
        test::set16(wire[0], field, 0xffff);
      for (Line& line : lines_) line.offered.insert(line.offered.end(), wire.begin(), wire.end());
      if (whole) {
        test::Slot& slot = slots.emplace_back(test::whole_frame(d));
        require(read_virtio_header(test::header_of(d), slot.frame), "a valid header is accepted");
        frames.push_back(slot.frame);
      } else {
        for (const Bytes& one : wire) frames.push_back(slots.emplace_back(one).frame);
      }
    }
    const std::span<Frame> all(frames);
    for (size_t at = 0; at < all.size(); at += kBatch)
      bench_.forward(kSource, all.subspan(at, std::min<size_t>(kBatch, all.size() - at)));
  }

  // Finds the frames that an endpoint has put on the wire among those that it should.
  void collect(Line& line) {
    test::FakeEndpoint& endpoint = fake(line);
    for (size_t i = 0; i < endpoint.sent.size(); i++) {
      test::Slot slot(endpoint.sent[i]);
      slot.frame.offload = endpoint.undone[i];
      if (!slot.frame.offload.any()) {
        on_wire(line, endpoint.sent[i]);
        continue;
      }
      segmenter_.start(slot.frame);
      while (const Frame* one = segmenter_.next()) on_wire(line, one->copy());
    }
    endpoint.sent.clear();
    endpoint.undone.clear();
  }

  static void on_wire(Line& line, const Bytes& frame) {
    while (line.seen < line.offered.size() && line.offered[line.seen] != frame) line.seen++;
    require(line.seen < line.offered.size(),
            "the frames on the wire are those that were sent, once, in order");
    line.seen++;
    line.sent++;
  }

  Input& input_;
  test::Bench bench_;
  Segmenter segmenter_;
  std::vector<Line> lines_;
  uint32_t sequence_ = 1;
  uint32_t serial_ = 0;
};

}  // namespace

FUZZ_TARGET(offloads) {
  World world(input);
  while (!input.empty()) world.step();
  world.end();
}
