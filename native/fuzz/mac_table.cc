// The MAC table, held against a model: a map of addresses in which everything is found by looking at all of
// them.
#include "engine/mac_table.h"

#include <map>

#include "fuzz/target.h"

using namespace tsvde;
using namespace tsvde::fuzz;

namespace {

using Change = MacTable::Change;
using Learned = MacTable::Learned;

constexpr uint32_t kPorts = 6;

struct Address {
  uint32_t port;
  int64_t seen;
  uint64_t order;  // the address with the lowest order is the oldest
  uint64_t serial;
  int64_t window_began = 0;
  uint32_t moves = 0;  // in the window; more than kMostMoves: the address flaps
};

struct Told {
  MacKey key;
  Change change;
  uint32_t port, previous;
  bool operator==(const Told&) const = default;
};

class World {
 public:
  explicit World(Input& input) : input_(input), table_(1 + input.below(12)) {
    table_.add_port(kPorts - 1);
    table_.observer = [this](MacKey key, Change change, uint32_t port, uint32_t previous) {
      told_.push_back({key, change, port, previous});
    };
  }

  void step() {
    told_.clear();
    expected_.clear();
    switch (input_.below(16)) {
      case 0:
        now_ += input_.below(4);
        break;
      case 1:
        now_ += input_.byte();
        break;
      case 2:
        expire();
        break;
      case 3: {
        const uint32_t port = input_.below(kPorts + 2);
        const uint32_t count = table_.forget_port(port);
        forget(count, [&](MacKey, const Address& address) { return address.port == port; });
        break;
      }
      case 4: {
        const uint32_t port = input_.below(kPorts + 2);
        const auto vlan = static_cast<uint16_t>(input_.below(3));
        const uint32_t count = table_.forget_port(port, vlan);
        forget(count,
               [&](MacKey key, const Address& address) { return address.port == port && key >> 48 == vlan; });
        break;
      }
      case 5: {
        const auto vlan = static_cast<uint16_t>(input_.below(3));
        const uint32_t count = table_.forget_vlan(vlan);
        forget(count, [&](MacKey key, const Address&) { return key >> 48 == vlan; });
        break;
      }
      case 6:
        if (input_.one_in(8)) forget(table_.flush(), [](MacKey, const Address&) { return true; });
        break;
      case 7:
        settings();
        break;
      default:
        learn();
    }
    compare();
  }

 private:
  MacKey some_key() {
    const uint8_t which = input_.byte();
    return MacKey{which % 16u} << 8 | MacKey{which / 16u % 3} << 48;
  }

  void settings() {
    const uint32_t value = input_.below(8);
    switch (input_.below(3)) {
      case 0:
        table_.settings.expire_seconds = 10 * value;
        break;
      case 1:
        table_.settings.gc_interval_seconds = value;
        break;
      default:
        table_.settings.min_persistence_seconds = value;
    }
  }

  void learn() {
    const MacKey key = some_key();
    const uint32_t port = input_.below(kPorts);
    const auto [outcome, previous] = table_.learn(key, port, now_);
    const auto known = addresses_.find(key);
    if (known == addresses_.end()) {
      require(outcome == Learned::added && previous == port, "an unknown address is added");
      if (addresses_.size() == table_.limit()) evict();
      addresses_[key] = {.port = port, .seen = now_, .order = ++order_, .serial = serial_++};
      expected_.push_back({key, Change::added, port, port});
      return;
    }
    Address& address = known->second;
    require(previous == address.port, "learning returns the port that the address was on");
    require(outcome == (port == address.port ? Learned::refreshed : try_move(address)),
            "the outcome is right");
    if (outcome == Learned::flapping || outcome == Learned::damped) return;
    if (outcome == Learned::refreshed && address.seen == now_) return;  // it keeps its order within a second
    if (outcome != Learned::refreshed) {
      moves_++;
      expected_.push_back({key, Change::moved, port, previous});
    }
    address.port = port;
    address.seen = now_;
    address.order = ++order_;
  }

  [[nodiscard]] Learned try_move(Address& address) const {
    const bool flaps = address.moves > MacTable::kMostMoves;
    const bool in_window =
        address.moves > 0 && now_ < address.window_began + table_.settings.min_persistence_seconds;
    if (in_window && flaps) return Learned::damped;
    if (!in_window) {
      address.window_began = now_;
      address.moves = 1;
      return flaps ? Learned::moved_again : Learned::moved;
    }
    return ++address.moves > MacTable::kMostMoves ? Learned::flapping : Learned::moved_again;
  }

  // Any port with most addresses may lose its oldest address.
  void evict() {
    require(!told_.empty() && told_.front().change == Change::evicted, "an address is evicted");
    const auto victim = addresses_.find(told_.front().key);
    require(victim != addresses_.end(), "the evicted address was known");
    std::map<uint32_t, uint32_t> counts;
    for (const auto& [key, address] : addresses_) counts[address.port]++;
    const uint32_t port = victim->second.port;
    for (const auto& [_, count] : counts) require(count <= counts[port], "the port has most addresses");
    for (const auto& [key, address] : addresses_)
      require(address.port != port || address.order >= victim->second.order, "the oldest is evicted");
    expected_.push_back({victim->first, Change::evicted, port, port});
    addresses_.erase(victim);
    evictions_++;
  }

  void expire() {
    const auto& settings = table_.settings;
    const uint32_t count = table_.expire(now_);
    const bool due = settings.gc_interval_seconds > 0 && now_ - last_gc_ >= settings.gc_interval_seconds;
    if (due) last_gc_ = now_;
    remove(count, Change::aged_out, [&](MacKey, const Address& address) {
      return due && address.seen + settings.expire_seconds < now_;
    });
  }

  template <typename Which>
  void forget(uint32_t count, Which which) {
    remove(count, Change::forgotten, which);
  }

  // Removes addresses from the model, the oldest first.
  template <typename Which>
  void remove(uint32_t count, Change why, Which which) {
    std::map<uint64_t, Told> gone;
    for (const auto& [key, address] : addresses_)
      if (which(key, address)) gone[address.order] = {key, why, address.port, address.port};
    require(count == gone.size(), "the number of removed addresses is returned");
    for (const auto& [_, told] : gone) {
      expected_.push_back(told);
      addresses_.erase(told.key);
    }
  }

  void compare() {
    require(told_ == expected_, "the observer is told of every change, in order");
    require(table_.size() == addresses_.size() && table_.size() <= table_.limit(), "the size is right");
    require(table_.moves() == moves_ && table_.evictions() == evictions_, "the counters are right");
    std::vector<MacTable::Entry> entries;
    entries.reserve(table_.size());
    table_.list(entries, now_);
    require(entries.size() == addresses_.size(), "list() has every address");
    uint64_t order = 0;
    for (const auto& [key, serial, port, age] : entries) {
      const auto found = addresses_.find(key);
      require(found != addresses_.end(), "list() has no other address");
      const Address& address = found->second;
      require(address.order > order, "list() is in order");
      order = address.order;
      require(address.port == port && address.serial == serial && now_ - address.seen == age,
              "list() describes the address");
      require(table_.find(key) == port, "an address is found on its port");
      const bool used_up = address.moves >= MacTable::kMostMoves;
      const int64_t end = address.window_began + table_.settings.min_persistence_seconds;
      require(table_.damped_seconds(key, now_) == (used_up ? std::max<int64_t>(end - now_, 0) : 0),
              "an address that used up its moves stays until the window's end");
    }
    const MacKey any = some_key();
    require(table_.find(any).has_value() == addresses_.contains(any), "only known addresses are found");
  }

  Input& input_;
  MacTable table_;
  std::map<MacKey, Address> addresses_;
  std::vector<Told> told_, expected_;
  int64_t now_ = 1000;
  int64_t last_gc_ = 0;
  uint64_t order_ = 0, serial_ = 0, moves_ = 0, evictions_ = 0;
};

}  // namespace

FUZZ_TARGET(mac_table) {
  World world(input);
  while (!input.empty()) world.step();
}
