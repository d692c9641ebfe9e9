// The coalescer: whatever it joins is cut again by the segmenter into the very same frames, in the same
// order. The frames are segments of a few TCP connections, and many of them are changed in one byte.
#include <deque>

#include "engine/offload/coalescer.h"
#include "engine/offload/segmenter.h"
#include "fuzz/target.h"
#include "test/datagrams.h"

using namespace tsvde;
using namespace tsvde::fuzz;
using test::Bytes;

namespace {

// A TCP connection, with its next segment.
struct Flow {
  test::Datagram next;
  size_t usual = 100;  // bytes of payload
};

Flow some_flow(Input& input) {
  Flow flow;
  const uint8_t kind = input.byte();
  flow.next.v6 = (kind & 1) != 0;
  flow.next.tags = kind / 2 % 3;
  if (kind / 8 % 4 == 3) flow.next.ip_options = Bytes(8, 1);
  if (flow.next.v6 && !flow.next.ip_options.empty()) flow.next.ip_options[1] = 0;
  if (kind / 32 % 4 > 0) flow.next.tcp_options = Bytes(size_t{4} * (kind / 32 % 4), 1);
  flow.next.is_udp = kind / 128 != 0 && input.one_in(4);
  flow.next.sequence = input.next<uint32_t>();
  flow.next.id = input.next<uint16_t>();
  flow.usual = input.one_in(4) ? 1 + input.next<uint16_t>() % 9000 : 1 + input.byte();
  return flow;
}

// Changes a byte of the headers, after which the checksums are right again.
void change_header(Input& input, const test::Datagram& d, Bytes& frame) {
  const auto [network, transport, payload] = test::layout(d);
  frame[input.byte() % std::min(payload, frame.size())] ^= input.byte();
  if (!d.v6) {
    test::set16(frame, network + 10, 0);
    test::set16(frame, network + 10, ~test::plain_sum(frame, network, transport));
  }
  const size_t end = network + (d.v6 ? 40 + read16(&frame[network + 4]) : read16(&frame[network + 2]));
  if (d.is_udp || end > frame.size() || end < payload) return;
  const size_t addresses = network + (d.v6 ? 8 : 12);
  const uint32_t sum = test::plain_sum(frame, addresses, addresses + (d.v6 ? 32 : 8),
                                       static_cast<uint32_t>(end - transport) + kTcp);
  test::set16(frame, transport + 16, 0);
  test::set16(frame, transport + 16, ~test::plain_sum(frame, transport, end, sum));
}

Bytes next_segment(Input& input, Flow& flow) {
  const uint8_t kind = input.byte();
  size_t size = flow.usual;
  if (kind % 16 == 1) size = input.byte();
  Bytes payload(size, static_cast<uint8_t>(flow.next.sequence));
  const uint8_t flags = kind / 16 % 4 != 3 ? 0x10 : input.byte();
  Bytes frame = test::make_frame(flow.next, payload, flow.next.sequence, flow.next.id, flags, kind % 16 != 2);
  if (kind % 16 == 3) frame[input.next<uint16_t>() % frame.size()] ^= input.byte();
  if (kind % 16 == 7) change_header(input, flow.next, frame);
  if (kind % 16 == 4) frame.resize(std::max<size_t>(kFramePadded, input.byte()));
  if (kind % 16 == 5) flow.next.sequence += input.byte();
  flow.next.sequence += static_cast<uint32_t>(size);
  if (kind % 16 != 6) flow.next.id++;
  frame.resize(std::max<size_t>(frame.size(), kFramePadded));  // as the switch pads it
  return frame;
}

// A frame with its bytes in one part, or in two or three as a tagged or untagged view has them.
struct Split {
  Split(Bytes all, uint8_t how) : bytes(std::move(all)) {
    frame.parts[0] = {bytes.data(), bytes.size()};
    if (how % 3 == 0) return;
    constexpr size_t kTagged = kTagAt + kTagSize;
    frame.parts = {iovec{bytes.data(), kTagAt}, iovec{&bytes[kTagAt], kTagSize},
                   iovec{&bytes[kTagged], bytes.size() - kTagged}};
    frame.part_count = 3;
    if (how % 3 == 1) return;
    frame.parts[1] = {&bytes[kTagAt], bytes.size() - kTagAt};
    frame.part_count = 2;
  }
  Bytes bytes;
  Frame frame;
};

}  // namespace

FUZZ_TARGET(coalesce) {
  static Coalescer coalescer;
  static Segmenter segmenter;
  std::array<Flow, 3> flows;
  for (Flow& flow : flows) flow = some_flow(input);
  while (!input.empty()) {
    std::deque<Split> given;
    std::vector<Frame*> frames;
    for (uint32_t count = 1 + input.below(kBatch); count > 0; count--) {
      const uint8_t which = input.byte();
      Flow& flow = flows[which % 8 < 6 ? 0 : which % 8 - 5];
      frames.push_back(&given.emplace_back(next_segment(input, flow), which / 8).frame);
    }

    const uint32_t left = coalescer.coalesce(frames);
    require(left >= 1 && left <= frames.size(), "no more frames than before");
    auto expected = given.begin();
    const auto compare = [&](const Frame& frame) {
      require(expected != given.end() && frame.copy() == expected->bytes, "the same bytes come out");
      ++expected;
    };
    for (const Frame* frame : std::span(frames).first(left)) {
      if (!frame->offload.any()) {
        compare(*frame);
        continue;
      }
      test::Slot whole(frame->copy());  // in one part, as a queue or the kernel has it
      whole.frame.offload = frame->offload;
      uint32_t segments = 0;
      uint64_t bytes = 0;
      segmenter.start(whole.frame);
      while (const Frame* segment = segmenter.next()) {
        compare(*segment);
        segments++;
        bytes += segment->size();
      }
      require(segments > 1 && segments == frame->frames(), "a joined frame knows how many it stands for");
      require(bytes == frame->bytes(), "and how many bytes they have");
    }
    require(expected == given.end(), "no frame is lost");
  }
}
