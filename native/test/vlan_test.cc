#include "engine/vlan.h"

#include <array>
#include <random>

#include "test/check.h"
#include "test/frames.h"

using namespace tsvde;
using namespace tsvde::test;

namespace {

// Ports 1 and 2 are in VLAN 0, port 3 is untagged in 10, and port 4 is untagged in 0 and tagged in 10 and 20.
struct FourPorts : Bench {
  FourPorts() : Bench(4) {
    for (const uint16_t vlan : {10, 20}) {
      sw.vlans.set_created(vlan, true);
      sw.set_member(*sw.port(4), vlan, true);
    }
    sw.set_untagged_vlan(*sw.port(3), 10);
  }
};

const Bytes kFrame = frame_bytes(kBroadcast, kA, 64, 7);

}  // namespace

TEST("VLANs are separate, and frames leave tagged or untagged as their port requires") {
  FourPorts bench;
  bench.send(3, {kFrame});
  CHECK(bench.at(1).sent.empty() && bench.at(2).sent.empty());
  CHECK(bench.at(4).sent == std::vector<Bytes>{tagged(kFrame, 10)});
  bench.send(4, {tagged(kFrame, 0xa000 | 10), tagged(kFrame, 20)});
  CHECK(bench.at(3).sent == std::vector<Bytes>{kFrame});
  CHECK(bench.at(1).sent.empty());
  bench.send(3, {tagged(kFrame, 0x6000 | 10)});  // from tagged to tagged: unchanged, with its priority
  CHECK(bench.at(4).sent.back() == tagged(kFrame, 0x6000 | 10));
  CHECK(bench.count(4, transmit_bytes) == 68 + 68);
  bench.send(1, {kFrame});
  CHECK(bench.at(2).sent.size() == 1 && bench.at(4).sent.back() == kFrame && bench.at(3).sent.size() == 1);
}

TEST(
    "a frame tagged with a VLAN of other ports is dropped; a tag of a VLAN that was never created is "
    "payload, unless strict") {
  FourPorts bench;
  bench.send(1, {tagged(kFrame, 10), tagged(kFrame, 20)});
  CHECK(bench.count(1, receive_drop_vlan) == 2 && bench.at(2).sent.empty());
  bench.send(1, {tagged(kFrame, 30), tagged(kFrame, 4095)});
  CHECK(bench.at(2).sent == (std::vector<Bytes>{tagged(kFrame, 30), tagged(kFrame, 4095)}));
  bench.send(3, {tagged(kFrame, 30)});
  CHECK(bench.at(4).sent.back() == tagged(tagged(kFrame, 30), 10));
  bench.sw.strict_vlan = true;
  bench.send(1, {tagged(kFrame, 30), tagged(kFrame, 4095)});
  CHECK(bench.count(1, receive_drop_vlan) == 4 && bench.at(2).sent.size() == 2);
}

TEST("a frame with a priority tag is in VLAN 0, and the tag is removed") {
  FourPorts bench;
  bench.send(1, {tagged(kFrame, 0xe000)});
  CHECK(bench.at(2).sent == std::vector<Bytes>{kFrame} && bench.at(4).sent == std::vector<Bytes>{kFrame});
  bench.send(3, {tagged(kFrame, 0)});
  CHECK(bench.count(3, receive_drop_vlan) == 1);
}

TEST("a port without an untagged VLAN receives and transmits no untagged frames") {
  FourPorts bench;
  bench.sw.set_untagged_vlan(*bench.sw.port(4), kNoVlan);
  bench.send(4, {kFrame});
  CHECK(bench.count(4, receive_drop_vlan) == 1);
  bench.send(1, {kFrame});
  CHECK(bench.at(4).sent.empty() && bench.at(2).sent.size() == 1);
  bench.send(4, {tagged(kFrame, 10)});
  CHECK(bench.at(3).sent.size() == 1);
}

TEST("a frame whose tag was removed is padded with zeroes again") {
  FourPorts bench;
  bench.send(4, {tagged(frame_bytes(kBroadcast, kA, 56, 7), 10)});
  Bytes padded = frame_bytes(kBroadcast, kA, 56, 7);
  padded.resize(60);
  CHECK(bench.at(3).sent == std::vector<Bytes>{padded});
}

TEST("one address may be in several VLANs, on a port of each") {
  FourPorts bench;
  bench.send(1, {frame_bytes(kBroadcast, kA)});
  bench.send(3, {frame_bytes(kBroadcast, kA)});
  CHECK(bench.sw.macs.size() == 2);
  bench.send(4, {tagged(frame_bytes(kA, kB), 10)});
  CHECK(bench.at(3).sent.size() == 1 && bench.at(1).sent.empty());
  bench.send(3, {frame_bytes(kB, kA)});  // a learned address on a port that is a tagged member
  CHECK(bench.at(4).sent.back() == tagged(frame_bytes(kB, kA), 10));
}

TEST("a port that leaves a VLAN loses its addresses in that VLAN, and no others") {
  FourPorts bench;
  bench.send(4, {frame_bytes(kBroadcast, kA), tagged(frame_bytes(kBroadcast, kB), 10),
                 tagged(frame_bytes(kBroadcast, kB), 20)});
  bench.sw.set_member(*bench.sw.port(4), 20, false);
  CHECK(bench.sw.macs.size() == 2);
  bench.sw.set_untagged_vlan(*bench.sw.port(4), 20);
  CHECK(bench.sw.macs.size() == 1);
  CHECK(bench.sw.macs.forget_vlan(10) == 1);
}

TEST("a port that discards in a VLAN neither learns nor forwards there, but its BPDUs are reported") {
  FourPorts bench;
  Bytes bpdu = frame_bytes(0x0180'c200'0000, kA);
  bench.send(1, {bpdu});
  CHECK(bench.at(2).sent.size() == 1);  // without spanning tree a BPDU is forwarded like any multicast
  bench.sw.takes_bpdus = true;
  bench.sw.set_discarding(*bench.sw.port(1), 0, true);
  bench.send(1, {frame_bytes(kBroadcast, kB), bpdu});
  bench.send(4, {tagged(bpdu, 20)});
  CHECK(bench.bpdus == (std::vector<std::pair<uint32_t, uint16_t>>{{1, 0}, {4, 20}}));
  CHECK(bench.count(1, receive_drop_discarding) == 1 && bench.sw.macs.size() == 0);
  bench.send(2, {frame_bytes(kBroadcast, kB)});
  CHECK(bench.at(1).sent.empty() && bench.at(4).sent.size() == 2);
}

TEST("a truncated BPDU is dropped, and not read with the zeroes of its padding") {
  FourPorts bench;
  bench.sw.takes_bpdus = true;
  Bytes bpdu = frame_bytes(0x0180'c200'0000, kA, 53);
  bpdu[12] = 0;
  bpdu[13] = 53 - 14;
  Bytes cut = bpdu;
  cut.pop_back();
  bench.send(4, {bpdu, cut, tagged(bpdu, 20), tagged(cut, 20)});
  CHECK(bench.bpdus.size() == 2 && bench.count(4, receive_drop_too_short) == 2);
}

TEST("a flood of BPDUs is limited, and the dropped ones are counted") {
  Bench bench(2);
  bench.sw.takes_bpdus = true;
  for (int i = 0; i < 300; i++) bench.send(1, {frame_bytes(0x0180'c200'0000, kA)}, 5);
  CHECK(bench.bpdus.size() == 257 && bench.count(1, receive_drop_bpdu_rate) == 43);
  bench.send(1, {frame_bytes(0x0180'c200'0000, kA)}, 6);
  CHECK(bench.bpdus.size() == 258);
}

TEST("the hellos of all VLANs of a trunk may come in one second, and are all reported") {
  Bench bench(2);
  bench.sw.takes_bpdus = true;
  for (uint16_t vlan = 1; vlan < kNoVlan; vlan++) {
    bench.sw.vlans.set_created(vlan, true);
    bench.sw.set_member(*bench.sw.port(1), vlan, true);
  }
  const Bytes bpdu = frame_bytes(0x0180'c200'0000, kA);
  for (uint16_t vlan = 1; vlan < kNoVlan; vlan++) bench.send(1, {tagged(bpdu, vlan)}, 5);
  CHECK(bench.bpdus.size() == kNoVlan - 1 && bench.count(1, receive_drop_bpdu_rate) == 0);
}

TEST("capture reports received frames before any decision, and transmitted ones as they leave") {
  FourPorts bench;
  bench.sw.observed = true;
  bench.send(3, {kFrame});
  CHECK(bench.captures == (std::vector<Bench::Capture>{{3, true, kFrame}, {4, false, tagged(kFrame, 10)}}));
}

// 100,000 frames with all kinds of tags, while memberships change: each arrives only at members of its VLAN.
TEST("no frame is forwarded outside its VLAN, whatever tags it has") {
  constexpr uint32_t kPorts = 8;
  constexpr std::array<uint16_t, 6> kIds = {0, 1, 2, 4094, 4095, 77};  // 4095 and 77 are never created
  std::minstd_rand random(1);
  const auto below = [&random](uint32_t limit) { return static_cast<uint32_t>(random() % limit); };
  Bench bench(kPorts);
  for (const uint16_t vlan : {1, 2, 4094}) bench.sw.vlans.set_created(vlan, true);
  uint32_t delivered = 0;
  for (uint32_t round = 0; round < 5000; round++) {
    bench.sw.strict_vlan = round % 7 == 0;
    Port& changed = *bench.sw.port(1 + below(kPorts));
    const uint16_t vlan = kIds[below(4)];
    if (round % 3 == 0) {
      bench.sw.set_untagged_vlan(changed, round % 9 == 0 ? kNoVlan : vlan);
    } else if (vlan != changed.untagged_vlan) {
      bench.sw.set_member(changed, vlan, below(2) == 0);
    }
    for (uint32_t i = 0; i < 20; i++) {
      const Port& from = *bench.sw.port(1 + below(kPorts));
      Bytes sent = frame_bytes(below(3) == 0 ? kBroadcast : 0x0200'0000'0000 + below(12),
                               0x0200'0000'0000 + below(12));
      uint16_t expected = from.untagged_vlan;
      if (below(4) != 0) {
        const uint16_t inner = kIds[below(6)];
        const uint16_t outer = kIds[below(6)];
        if (below(3) == 0) sent = tagged(sent, inner);
        sent = tagged(sent, static_cast<uint16_t>(below(16) << 12 | outer));
        if (bench.sw.strict_vlan || bench.sw.vlans.created(outer)) expected = outer;
      }
      bench.send(from.number, {sent});
      for (uint32_t to = 1; to <= kPorts; to++) {
        auto& got = bench.at(to).sent;
        delivered += static_cast<uint32_t>(got.size());
        CHECK(got.empty() ||
              (to != from.number && bench.sw.port(to)->member_of[expected] && from.member_of[expected]));
        got.clear();
      }
    }
  }
  CHECK(delivered > 50'000);
}
