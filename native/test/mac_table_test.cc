#include "engine/mac_table.h"

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

TEST("an address moves to another port at once, and so do many more moves than a window apart") {
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
  CHECK(table.learn(7, 2, 13).outcome == Learned::moved_again);  // since it was flapping
  CHECK(table.damped_seconds(7, 13) == 0 && table.find(7) == 2u);
  CHECK(table.learn(7, 1, 16).outcome == Learned::moved);
}

TEST("an address that flaps does not keep another from moving, nor itself once it has been forgotten") {
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
