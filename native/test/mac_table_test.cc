#include "engine/mac_table.h"

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <set>

#include "test/check.h"

using namespace tsvde;
using namespace tsvde::test;
using Learned = MacTable::Learned;

static MacTable table_for(uint32_t ports, uint32_t limit = 1000) {
  MacTable table(limit);
  for (uint32_t i = 0; i <= ports; i++) table.add_port(i);
  return table;
}

static std::vector<MacTable::Entry> entries_of(const MacTable& table, int64_t now) {
  std::vector<MacTable::Entry> entries;
  entries.reserve(table.size());
  table.list(entries, now);
  return entries;
}

TEST("an address is found on the port it was learned on") {
  MacTable table = table_for(2);
  CHECK(!table.find(7));
  CHECK(table.learn(7, 1, 0).outcome == Learned::added);
  CHECK(table.find(7) == 1u);
  CHECK(table.learn(7, 1, 5).outcome == Learned::refreshed);
}

TEST("an address that was just found is not found once it is removed") {
  MacTable table = table_for(2, 1);
  const auto removed = [&table] { return !table.find(7) && table.learn(7, 1, 0).outcome == Learned::added; };
  table.learn(7, 1, 0);
  CHECK(table.find(7) == 1u);
  table.learn(8, 2, 0);  // evicts 7
  CHECK(table.find(8) == 2u);
  CHECK(removed() && table.find(7) == 1u && !table.find(8));
  table.forget_port(1);
  CHECK(removed() && table.find(7) == 1u);
  table.flush();
  CHECK(removed());
  CHECK(!table.find(0));  // memory that was never used has this key
}

TEST("an address moves to another port at once, and without limit if its moves are a window apart") {
  MacTable table = table_for(2);
  table.learn(7, 1, 10);
  for (int i = 0; i < 20; i++) {
    const uint32_t to = i % 2 == 0 ? 2 : 1;
    const auto moved = table.learn(7, to, 10 + 3 * i);
    CHECK(moved.outcome == Learned::moved && moved.previous == 3 - to);
    CHECK(table.find(7) == to);
  }
  CHECK(table.moves() == 20);
}

TEST("an address that flaps between two ports stays where it was first until its window is over") {
  MacTable table = table_for(2);
  table.learn(7, 1, 10);
  CHECK(table.learn(7, 2, 10).outcome == Learned::moved);
  CHECK(table.learn(7, 1, 11).outcome == Learned::moved_again);
  CHECK(table.learn(7, 2, 11).outcome == Learned::moved_again);
  CHECK(table.damped_seconds(7, 11) == 0);
  CHECK(table.learn(7, 1, 11).outcome == Learned::moved_again);
  CHECK(table.damped_seconds(7, 11) == 2 && table.damped_seconds(8, 11) == 0);
  const auto flapping = table.learn(7, 2, 11);
  CHECK(flapping.outcome == Learned::flapping && flapping.previous == 1);
  CHECK(table.learn(7, 2, 12).outcome == Learned::damped);
  CHECK(table.learn(7, 1, 12).outcome == Learned::refreshed);
  CHECK(table.find(7) == 1u && table.moves() == 4);
  CHECK(table.damped_seconds(7, 12) == 1 && table.damped_seconds(7, 13) == 0);
  CHECK(table.learn(7, 2, 13).outcome == Learned::moved_again);  // since the address was flapping before
  CHECK(table.damped_seconds(7, 13) == 0 && table.find(7) == 2u);
  CHECK(table.learn(7, 1, 16).outcome == Learned::moved);
}

TEST("an address that flaps keeps no other from moving, and may move again once it has been forgotten") {
  MacTable table = table_for(2);
  for (const MacKey key : {7, 8}) table.learn(key, 1, 10);
  for (uint32_t i = 0; i < 10; i++) table.learn(7, 1 + i % 2, 10);
  CHECK(table.learn(7, 2, 10).outcome == Learned::damped);
  CHECK(table.learn(8, 2, 10).outcome == Learned::moved);
  table.forget_port(1);
  CHECK(table.learn(7, 1, 10).outcome == Learned::added);
  CHECK(table.learn(7, 2, 10).outcome == Learned::moved);
}

TEST("with a minimum persistence of zero or less an address moves without limit") {
  for (const int64_t none : {0, -1}) {
    MacTable table = table_for(2);
    for (uint32_t i = 0; i < 10; i++) table.learn(7, 1 + i % 2, 10);
    CHECK(table.learn(7, 2, 10).outcome == Learned::damped);
    table.settings.min_persistence_seconds = none;
    for (uint32_t i = 0; i < 10; i++) {
      table.learn(7, 2 - i % 2, 10);
      CHECK(table.find(7) == 2 - i % 2);
    }
  }
}

TEST("an address ages out after a silence longer than the limit, and not before") {
  MacTable table = table_for(1);
  table.learn(7, 1, 0);
  table.learn(8, 1, 50);
  CHECK(table.expire(100) == 0);
  CHECK(table.expire(101) == 0);  // old entries are looked for every two seconds
  CHECK(table.expire(102) == 1);
  CHECK(!table.find(7) && table.find(8));
  table.learn(8, 1, 120);
  CHECK(table.expire(200) == 0);
}

TEST("with a search interval of zero no address ages out") {
  MacTable table = table_for(1);
  table.settings.gc_interval_seconds = 0;
  table.learn(7, 1, 0);
  CHECK(table.expire(1'000'000) == 0);
  CHECK(table.find(7));
}

TEST("forgetting a port removes its addresses and no others") {
  MacTable table = table_for(2);
  for (MacKey key = 1; key <= 10; key++) table.learn(key, key % 2 + 1, 0);
  CHECK(table.forget_port(1) == 5);
  CHECK(table.forget_port(1) == 0);
  CHECK(table.forget_port(99) == 0);
  for (MacKey key = 1; key <= 10; key++) CHECK(table.find(key).has_value() == (key % 2 == 1));
  CHECK(table.flush() == 5);
  CHECK(table.size() == 0);
}

TEST("a full table evicts the oldest address of the port that has most addresses") {
  MacTable table = table_for(3, 10);
  table.learn(101, 1, 0);
  table.learn(102, 2, 0);
  for (MacKey key = 1; key <= 8; key++) table.learn(key, 3, static_cast<int64_t>(key));
  table.learn(1, 3, 20);  // refreshed: address 2 is now the oldest of port 3
  for (MacKey flood = 1000; flood < 2000; flood++) table.learn(flood, 3, 30);
  CHECK(table.size() == 10);
  CHECK(table.evictions() == 1000);
  CHECK(table.find(101) == 1u && table.find(102) == 2u);
  CHECK(table.find(1999) == 3u && !table.find(2) && !table.find(1));
}

TEST("entries have their port, their age and the order in which they were added") {
  MacTable table = table_for(2);
  table.learn(7, 1, 3);
  table.learn(8, 2, 5);
  table.learn(7, 1, 9);
  const auto entries = entries_of(table, 10);
  CHECK(entries.size() == 2);
  for (const auto& entry : entries) {
    CHECK(entry.key == 7 ? entry.port == 1 && entry.age_seconds == 1 && entry.serial == 0
                         : entry.port == 2 && entry.age_seconds == 5 && entry.serial == 1);
  }
}

TEST("once the fullest port's addresses have aged out, the next fullest port loses its oldest address") {
  MacTable table = table_for(9, 10);
  for (MacKey key = 1; key <= 5; key++) table.learn(key, 1, 0);
  for (MacKey key = 11; key <= 14; key++) table.learn(key, 2, 60);
  table.learn(30, 3, 60);
  CHECK(table.expire(110) == 5);
  for (uint32_t port = 4; port <= 8; port++) table.learn(10 * port, port, 110);
  CHECK(table.size() == 10);
  table.learn(90, 9, 110);
  CHECK(!table.find(11));
  for (const MacKey key : {12, 13, 14, 30, 40, 50, 60, 70, 80, 90}) CHECK(table.find(key));
}

// When a port loses its only address, the heap's last port takes its place in the heap. That last port may
// have more addresses than its new parent.
TEST("a port that loses its only address does not hide a fuller one") {
  MacTable table = table_for(9, 9);
  MacKey next = 1;
  for (const uint32_t port : {0, 0, 1, 2, 2, 3, 4, 5, 5}) table.learn(next++, port, 0);
  CHECK(table.forget_port(3) == 1);
  for (const uint32_t port : {6, 7, 8}) table.learn(next++, port, 0);
  CHECK(table.evictions() == 2);  // two of the ports 0, 2 and 5, which had two addresses each, lost one
  table.learn(next++, 9, 0);
  std::set<uint32_t> ports;
  for (const auto& entry : entries_of(table, 0)) CHECK(ports.insert(entry.port).second);
}

// An obviously correct table: a list, the oldest entry first, that is searched from end to end.
struct Model {
  struct Entry {
    MacKey key;
    uint64_t serial;
    uint32_t port;
    int64_t seen;
    int64_t window_began = 0;
    uint32_t tries = 0;  // attempts to move in the window
  };
  std::vector<Entry> entries;
  uint64_t added = 0;
  uint64_t moves = 0;
  uint64_t evictions = 0;

  auto find(MacKey key) { return std::ranges::find(entries, key, &Entry::key); }

  // Returns the oldest entry of each port that has the most entries: one of these entries is to be evicted.
  [[nodiscard]] std::set<MacKey> candidates() const {
    std::map<uint32_t, std::vector<MacKey>> by_port;
    for (const Entry& entry : entries) by_port[entry.port].push_back(entry.key);
    size_t most = 0;
    for (const auto& [port, keys] : by_port) most = std::max(most, keys.size());
    std::set<MacKey> oldest;
    for (const auto& [port, keys] : by_port) {
      if (keys.size() == most) oldest.insert(keys.front());
    }
    return oldest;
  }

  Learned learn(MacKey key, uint32_t port, int64_t now, int64_t window) {
    const auto found = find(key);
    if (found == entries.end()) {
      entries.push_back({.key = key, .serial = added++, .port = port, .seen = now});
      return Learned::added;
    }
    Entry entry = *found;
    Learned outcome = Learned::refreshed;
    if (entry.port == port) {
      if (entry.seen == now) return outcome;
    } else {
      const bool over = entry.tries == 0 || now >= entry.window_began + window;
      outcome = over && entry.tries <= 4 ? Learned::moved : Learned::moved_again;
      if (over) {
        entry.window_began = now;
        entry.tries = 0;
      }
      if (++entry.tries > 4) {
        *found = entry;
        return entry.tries == 5 ? Learned::flapping : Learned::damped;
      }
      moves++;
    }
    entry.port = port;
    entry.seen = now;
    entries.erase(found);
    entries.push_back(entry);
    return outcome;
  }

  // Returns the keys that are removed, the oldest first.
  std::vector<MacKey> remove_if(const std::function<bool(const Entry&)>& which) {
    std::vector<MacKey> removed;
    for (const Entry& entry : entries) {
      if (which(entry)) removed.push_back(entry.key);
    }
    std::erase_if(entries, which);
    return removed;
  }
};

// Few entries on many ports: many steps evict, and which port is the fullest changes all the time.
static void compare_with_model(uint32_t limit, int steps) {
  constexpr uint32_t kPorts = 40;
  MacTable table = table_for(kPorts, limit);
  std::vector<MacKey> removed;
  table.observer = [&](MacKey key, MacTable::Change change, uint32_t, uint32_t) {
    if (change > MacTable::Change::moved) removed.push_back(key);
  };
  Model model;
  int64_t now = 0;
  uint32_t spread = kPorts;  // how many ports are in use
  for (int step = 0; step < steps; step++) {
    now += random_below(8) == 0 ? 1 : 0;
    removed.clear();
    if (random_below(200) == 0) spread = 1 + random_below(kPorts);
    const uint32_t port =
        random_below(2) == 0 ? random_below(spread) : random_below(1 + random_below(spread));
    const uint64_t vlan = random_below(3);
    const MacKey key = vlan << 48 | random_below(random_below(3) == 0 ? 2 : 40);
    const uint32_t what = random_below(1000);
    std::optional<std::vector<MacKey>> forgotten;
    uint32_t count = 0;
    if (what < 5) {
      count = table.forget_port(port);
      forgotten = model.remove_if([&](const auto& entry) { return entry.port == port; });
    } else if (what < 15) {
      count = table.forget_port(port, static_cast<uint16_t>(vlan));
      forgotten =
          model.remove_if([&](const auto& entry) { return entry.port == port && entry.key >> 48 == vlan; });
    } else if (what < 18) {
      count = table.forget_vlan(static_cast<uint16_t>(vlan));
      forgotten = model.remove_if([&](const auto& entry) { return entry.key >> 48 == vlan; });
    } else if (what < 20) {
      count = table.flush();
      forgotten = model.remove_if([](const auto&) { return true; });
    } else if (what < 30) {
      now += 2;  // the search interval
      table.settings.expire_seconds = random_below(6);
      count = table.expire(now);
      forgotten = model.remove_if(
          [&](const auto& entry) { return entry.seen + table.settings.expire_seconds < now; });
    } else if (what < 40) {
      table.settings.min_persistence_seconds = static_cast<int64_t>(random_below(8)) - 1;
    } else {
      const bool evicts = model.entries.size() == limit && model.find(key) == model.entries.end();
      const Learned outcome = table.learn(key, port, now).outcome;
      CHECK(removed.size() == (evicts ? 1u : 0u));
      if (evicts && removed.size() == 1) {
        CHECK(model.candidates().contains(removed[0]));
        model.remove_if([&](const auto& entry) { return entry.key == removed[0]; });
        model.evictions++;
      }
      CHECK(outcome == model.learn(key, port, now, table.settings.min_persistence_seconds));
    }
    if (forgotten) CHECK(removed == *forgotten && count == forgotten->size());
    const auto entries = entries_of(table, now);
    CHECK(std::ranges::equal(entries, model.entries, [&](const auto& entry, const auto& expected) {
      return entry.key == expected.key && entry.serial == expected.serial && entry.port == expected.port &&
             entry.age_seconds == now - expected.seen;
    }));
    const auto found = model.find(key);
    CHECK(table.find(key) == (found == model.entries.end() ? std::nullopt : std::optional(found->port)));
    CHECK(table.size() == model.entries.size());
    CHECK(table.moves() == model.moves && table.evictions() == model.evictions);
    if (failures() > 0) return;
  }
  CHECK(model.evictions > static_cast<uint64_t>(steps) / 10);
}

TEST("random learning, moving, evicting, forgetting and ageing out agree with a plain model") {
  for (const uint32_t limit : {1, 12, 24}) compare_with_model(limit, rounds(limit == 1 ? 500 : 10'000));
}
