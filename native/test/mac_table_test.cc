#include "engine/mac_table.h"

#include <algorithm>
#include <map>
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

TEST("an address is found on the port it was learned on") {
  MacTable table = table_for(2);
  CHECK(!table.find(7));
  CHECK(table.learn(7, 1, 0).outcome == Learned::added);
  CHECK(table.find(7) == 1u);
  CHECK(table.learn(7, 1, 5).outcome == Learned::refreshed);
}

TEST("an address moves to another port only after the minimum persistence without frames on the old one") {
  MacTable table = table_for(2);
  table.learn(7, 1, 10);
  CHECK(table.learn(7, 2, 13).outcome == Learned::too_soon);
  CHECK(table.find(7) == 1u);
  const auto moved = table.learn(7, 2, 14);
  CHECK(moved.outcome == Learned::moved && moved.previous == 1);
  CHECK(table.find(7) == 2u);
  CHECK(table.moves() == 1);
}

TEST("with a minimum persistence of zero an address moves in the next second, below zero at once") {
  MacTable table = table_for(2);
  table.settings.min_persistence_seconds = 0;
  table.learn(7, 1, 10);
  CHECK(table.learn(7, 2, 10).outcome == Learned::too_soon);
  CHECK(table.learn(7, 2, 11).outcome == Learned::moved);
  table.settings.min_persistence_seconds = -1;
  CHECK(table.learn(7, 1, 11).outcome == Learned::moved);
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

TEST("a full table evicts the oldest address of the port that has most") {
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
  const auto entries = table.entries(10);
  CHECK(entries.size() == 2);
  for (const auto& entry : entries) {
    CHECK(entry.key == 7 ? entry.port == 1 && entry.age_seconds == 1 && entry.serial == 0
                         : entry.port == 2 && entry.age_seconds == 5 && entry.serial == 1);
  }
}

// An obviously correct table: a map that is searched from end to end.
struct Model {
  struct Entry {
    uint32_t port;
    int64_t seen;
    uint64_t order;  // increases each time that the entry becomes the newest
  };
  std::map<MacKey, Entry> entries;
  uint64_t order = 0;

  void learn(MacKey key, uint32_t port, int64_t now, uint32_t limit) {
    const auto found = entries.find(key);
    if (found == entries.end()) {
      if (entries.size() == limit) evict();
      entries[key] = {port, now, order++};
    } else if (found->second.port != port ? now - found->second.seen > 3 : found->second.seen != now) {
      found->second = {port, now, order++};
    }
  }

  // Which of several equally full ports loses an entry is not specified: the test makes sure that one port
  // has the most.
  void evict() {
    std::map<uint32_t, uint32_t> counts;
    for (const auto& [key, entry] : entries) counts[entry.port]++;
    const auto fullest =
        std::ranges::max_element(counts, {}, [](const auto& pair) { return pair.second; })->first;
    auto oldest = entries.end();
    for (auto it = entries.begin(); it != entries.end(); ++it) {
      if (it->second.port == fullest && (oldest == entries.end() || it->second.order < oldest->second.order))
        oldest = it;
    }
    entries.erase(oldest);
  }
};

TEST("random learning, moving, forgetting and ageing out agree with a plain model") {
  constexpr uint32_t kLimit = 200;
  MacTable table = table_for(4, kLimit);
  Model model;
  int64_t now = 0;
  for (int step = 0; step < 5000; step++) {
    now += random_below(20) == 0;
    const uint32_t what = random_below(1000);
    if (what == 0) {
      const uint32_t port = random_below(5);
      table.forget_port(port);
      std::erase_if(model.entries, [&](const auto& pair) { return pair.second.port == port; });
    } else if (what < 3) {
      now += 60;
      table.settings.gc_interval_seconds = 1;
      table.expire(now);
      std::erase_if(model.entries, [&](const auto& pair) { return pair.second.seen + 100 < now; });
    } else if (model.entries.size() < kLimit) {
      const MacKey key = random_below(300);
      const uint32_t port = random_below(2) == 0 ? 0 : 1 + random_below(4);
      table.learn(key, port, now);
      model.learn(key, port, now, kLimit);
    } else {  // full: a flood from port 0, which has half of the entries
      for (int i = 0; i < 20; i++) {
        const MacKey key = 1000 + random_below(100'000);
        table.forget_port(1);
        std::erase_if(model.entries, [&](const auto& pair) { return pair.second.port == 1; });
        table.learn(key, 0, now);
        model.learn(key, 0, now, kLimit);
      }
    }
    const MacKey probe = random_below(300);
    const auto expected = model.entries.find(probe);
    const auto found = table.find(probe);
    CHECK(found.has_value() == (expected != model.entries.end()));
    if (found && expected != model.entries.end()) CHECK(*found == expected->second.port);
    CHECK(table.size() == model.entries.size());
    if (failures() > 0) return;
  }
}
