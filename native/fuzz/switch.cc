// The switch, with endpoints that fail in the middle of a batch, against a model. Ports, VLANs, blocked ports
// and modes change between batches.
#include "engine/switch.h"

#include "fuzz/switch_model.h"
#include "test/frames.h"

using namespace tsvde;
using namespace tsvde::fuzz;

namespace {

constexpr uint32_t kPorts = 6;
// The numbers by which change() changes a port's VLANs.
constexpr uint32_t kUntag = 11, kMember = 12, kBlock = 13;
constexpr uint32_t kCreate = 4;  // from this number on, set_mode() creates or removes a VLAN
constexpr std::array<uint16_t, 6> kUsedVlans = {0, 1, 2, 100, 4094, SwitchModel::kNone};

// An endpoint, with the frames that it should have been given, in order.
struct Line {
  test::FakeEndpoint* fake;
  std::vector<Bytes> offered{};
  size_t seen = 0;  // how many of them were sent, or passed over since they were dropped
};

// The endpoints of a port, and how many frames were offered to and sent by all that it has had.
struct Lines {
  std::vector<Line> all{};
  uint64_t offered = 0;
  uint64_t sent = 0;
};

class World {
 public:
  explicit World(Input& input) : input_(input), bench_(0) {
    bench_.sw.macs.settings.min_persistence_seconds = 0;  // addresses move as often as they like
    if (input.one_in(4)) bench_.memory.limit = 0;         // a queue has its first step only
    for (const uint16_t vlan : kUsedVlans) set_mode(kCreate, vlan, true);
    for (uint32_t number = 0; number < 3; number++) {
      attach(number);
      const uint8_t vlans = input.byte();
      for (size_t i = 1; i < kUsedVlans.size(); i++)
        if ((vlans >> i & 1) != 0) set_vlan(kMember, number, kUsedVlans[i], true);
    }
  }

  void step() {
    const uint8_t what = input_.byte();
    const uint32_t number = input_.below(kPorts);
    if (what % 16 < 5) {
      send_batch(number, 1 + what / 16u * 2);
    } else if (what % 16 == 5) {
      attach(number);
    } else if (lines_.contains(number)) {
      change(what, number);
    }
    compare();
  }

  // Every endpoint gets room for one frame at a time, and then has all that waited.
  void end() {
    for (const auto& [number, lines] : lines_) {
      for (size_t i = 0; i < lines.all.size(); i++) {
        while (attachment(number, i).service.waiting) {
          lines.all[i].fake->room = 1;
          bench_.drain(number, i);
        }
        require(attachment(number, i).queue.empty(), "an endpoint with room gets what waited");
      }
    }
    compare();
  }

 private:
  Attachment& attachment(uint32_t number, size_t index) {
    return *bench_.sw.port(number)->attachments[index];
  }

  void attach(uint32_t number) {
    auto& lines = lines_[number].all;
    if (lines.size() < 2) lines.push_back({&bench_.attach(number, 1 + input_.below(8))});
    model_.ports[number].active = true;
  }

  void change(uint8_t what, uint32_t number) {
    const uint8_t value = input_.byte();
    const uint16_t vlan = kUsedVlans[value % kUsedVlans.size()];
    const bool on = (value & 0x80) != 0;
    const size_t index = on ? 1 : 0;
    switch (what % 16) {
      case 9:
        if (index < lines_[number].all.size()) detach(number, index);
        break;
      case 10:
        if (value % 8 != 0) break;
        bench_.sw.remove_port(number);
        model_.forget(number);
        model_.ports.erase(number);
        lines_.erase(number);
        break;
      case 14:
        set_mode(value / 8 % 8, vlan, on);
        break;
      case kUntag:
      case kMember:
      case kBlock:
        set_vlan(what % 16, number, vlan, on);
        break;
      default:
        if (index < lines_[number].all.size()) disturb(number, index);
    }
  }

  void detach(uint32_t number, size_t index) {
    Lines& lines = lines_[number];
    collect(lines, lines.all[index]);
    Port& port = *bench_.sw.port(number);
    port.drop_queued(*port.attachments[index]);
    port.attachments.erase(port.attachments.begin() + static_cast<long>(index));
    bench_.sw.update_active(port);
    lines.all.erase(lines.all.begin() + static_cast<long>(index));
    if (!lines.all.empty()) return;
    model_.ports[number].active = false;
    model_.forget(number);
  }

  void set_vlan(uint32_t what, uint32_t number, uint16_t vlan, bool on) {
    Port& port = *bench_.sw.port(number);
    SwitchModel::Port& model = model_.ports[number];
    if (what == kUntag) {
      bench_.sw.set_untagged_vlan(port, vlan);
      if (vlan == model.untagged) return;
      model_.forget(number, model.untagged);
      model.members.erase(model.untagged);
      model.untagged = vlan;
      if (vlan != SwitchModel::kNone) model.members.insert(vlan);
      return;
    }
    if (vlan == SwitchModel::kNone) return;
    if (what == kMember) {
      bench_.sw.set_member(port, vlan, on);
    } else {
      bench_.sw.set_discarding(port, vlan, on);
    }
    std::set<uint16_t>& vlans = what == kMember ? model.members : model.blocked;
    if (on) {
      vlans.insert(vlan);
    } else {
      vlans.erase(vlan);
    }
    if (on == (what == kBlock)) model_.forget(number, vlan);
  }

  void set_mode(uint32_t which, uint16_t vlan, bool on) {
    switch (which) {
      case 0:
        bench_.sw.hub = model_.hub = on;
        break;
      case 1:
        bench_.sw.strict_vlan = model_.strict_vlan = on;
        break;
      case 2:
        bench_.sw.takes_bpdus = model_.takes_bpdus = on;
        break;
      case 3:
        bench_.sw.macs.flush();
        model_.forget();
        break;
      default:
        if (vlan == 0 || vlan == SwitchModel::kNone) break;
        bench_.sw.vlans.set_created(vlan, on);
        if (on) {
          model_.created.insert(vlan);
        } else {
          model_.created.erase(vlan);
        }
    }
  }

  // Lets the next frames fail, limits how many are taken, or drains what waits.
  void disturb(uint32_t number, size_t index) {
    static constexpr std::array<int, 7> kErrors = {0, 0, EAGAIN, ENOBUFS, ECONNREFUSED, EMSGSIZE, EPERM};
    test::FakeEndpoint& fake = *lines_[number].all[index].fake;
    for (uint32_t count = input_.below(6); count > 0; count--)
      fake.errors.push_back(kErrors[input_.below(kErrors.size())]);
    const uint8_t room = input_.byte();
    fake.room = room < 200 ? room % 8 : 1000;
    if (attachment(number, index).service.waiting) bench_.drain(number, index);
  }

  Bytes some_frame() {
    const uint8_t kind = input_.byte();
    size_t size = kind % 8 < 6 ? 60 + kind % 6 : kind % 8 == 6 ? input_.byte() : 64;
    if (kind == 255) size = 65530 + input_.below(10);
    const auto address = [](uint8_t which) -> uint64_t {
      constexpr std::array<uint64_t, 4> kGroups = {test::kBroadcast, 0x0100'5e00'0001, 0x0180'c200'0000,
                                                   0x0180'c200'000e};
      return which % 16 < 12 ? 0x0200'0000'0000 + which % 16 : kGroups[which % 4];
    };
    const uint64_t to = address(input_.byte());
    Bytes bytes = test::frame_bytes(to, address(input_.byte()), std::max<size_t>(size, 24), kind);
    std::memcpy(&bytes[18], &serial_, sizeof serial_);
    serial_++;
    if (kind / 8 % 4 != 0) {
      const uint16_t vlan = kind / 8 % 4 == 1 ? input_.next<uint16_t>() : kUsedVlans[input_.below(6)];
      bytes[12] = 0x81;
      bytes[13] = 0x00;
      bytes[14] = static_cast<uint8_t>(vlan >> 8);
      bytes[15] = static_cast<uint8_t>(vlan);
    }
    bytes.resize(size);
    return bytes;
  }

  void send_batch(uint32_t number, uint32_t count) {
    if (!lines_.contains(number) || lines_[number].all.empty()) return;
    std::vector<Bytes> batch;
    for (uint32_t i = 0; i < count; i++) batch.push_back(some_frame());
    for (const Bytes& frame : batch) {
      model_.route(number, frame, [this](uint32_t to, const Bytes& bytes) {
        for (Line& line : lines_[to].all) line.offered.push_back(bytes);
        lines_[to].offered += lines_[to].all.size();
      });
    }
    bench_.send(number, batch);
  }

  // Finds the frames that an endpoint has sent among those that it was offered.
  static void collect(Lines& lines, Line& line) {
    for (const Bytes& frame : line.fake->sent) {
      while (line.seen < line.offered.size() && line.offered[line.seen] != frame) line.seen++;
      require(line.seen < line.offered.size(),
              "an endpoint gets its own frames, once each, unchanged, in order");
      line.seen++;
    }
    lines.sent += line.fake->sent.size();
    line.fake->sent.clear();
    line.fake->undone.clear();
  }

  void compare() {
    for (auto& [number, lines] : lines_) {
      for (Line& line : lines.all) collect(lines, line);
      const Counters counters = bench_.sw.port(number)->snapshot();
      uint64_t others = 0;
      for (const Counter other :
           {transmit_drop_queue_full, transmit_drop_mirror, transmit_drop_too_long, transmit_drop_peer_gone,
            transmit_drop_interface_down, transmit_drop_error, transmit_drop_closed, queue_frames})
        others += counters[other];
      require(lines.offered == lines.sent + others, "each frame is sent, waits, or is dropped and counted");
    }
    require(bench_.sw.macs.size() == model_.addresses(), "the addresses are those of the model");
  }

  Input& input_;
  test::Bench bench_;
  SwitchModel model_;
  std::map<uint32_t, Lines> lines_;
  uint32_t serial_ = 0;
};

}  // namespace

FUZZ_TARGET(switch) {
  World world(input);
  while (!input.empty()) world.step();
  world.end();
}
