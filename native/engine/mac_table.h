// The port on which each address was last seen (802.1D-2004, 7.8 Learning and 7.9 Filtering Database).
//
// It is more than a hash table in these respects. An address moves to another port at once, but only a few
// times in a window (the minimum persistence): an address that flaps between ports stays on its port for the
// rest of the window. The table is bounded: when it is full, the port with most addresses loses its oldest
// address, so that a flood from one port cannot evict the addresses of others. Each entry is in two lists,
// one of the whole table and one of its port, both with the oldest entry first, so that ageing out, evicting
// and forgetting a port take time in proportion to the entries removed, however many stay. The memory of all
// entries is reserved in the constructor; pages are used only as the table fills.
//
// The table is told the time, in whole seconds, and never reads a clock. Loop thread only.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "engine/frame.h"

namespace tsvde {

class MacTable {
 public:
  struct Settings {
    int64_t expire_seconds = 100;
    int64_t gc_interval_seconds = 2;      // 0 or less: no entry ages out
    int64_t min_persistence_seconds = 3;  // the window of kMostMoves; 0 or less: no limit
  };
  // How often an address may move in a window. The number is even, so that an address that is seen on two
  // ports in turn stays on the port where it was first. It is more than 2, so that a few late frames from the
  // old port, after a move, do not keep the address there.
  static constexpr uint32_t kMostMoves = 4;
  enum class Learned {  // the observer of the switch is told of `moved` and those after it
    added,
    refreshed,
    damped,       // not moved, since the address flaps
    moved,        // moved for the first time in a window
    moved_again,  // moved again in a window, or for the first time after a window of flapping
    flapping,     // not moved, for the first time in a window; later: `damped`
  };
  enum class Change { added, moved, aged_out, evicted, forgotten };
  struct Learning {
    Learned outcome;
    uint32_t previous;  // the port that the address was on
  };
  struct Entry {
    MacKey key;
    uint64_t serial;  // increases with each address added
    uint32_t port;
    uint32_t age_seconds;
  };

  // Throws std::bad_alloc, and std::system_error if the system has no random numbers.
  explicit MacTable(uint32_t limit);

  Settings settings;

  // Basics
  [[nodiscard]] uint32_t size() const { return size_; }
  [[nodiscard]] uint32_t limit() const { return limit_; }
  [[nodiscard]] uint64_t moves() const { return moves_; }
  [[nodiscard]] uint64_t evictions() const { return evictions_; }
  // Appends the entries, the oldest first, as far as `to` has room for them without an allocation.
  void list(std::vector<Entry>& to, int64_t now) const;
  // Called for each address that is added, moved or removed, if set. `port` is the port of the address; the
  // port that it was on before, if it has moved, is `previous`.
  std::function<void(MacKey key, Change change, uint32_t port, uint32_t previous)> observer;
  // Call this before learning on a port. It allocates memory, so that learning allocates none. Throws
  // std::bad_alloc.
  void add_port(uint32_t port);

  // Learning and lookup
  Learning learn(MacKey key, uint32_t port, int64_t now);
  [[nodiscard]] std::optional<uint32_t> find(MacKey key) const;
  // Returns for how many seconds an address that has used up its moves stays on its port; 0 if it may move.
  [[nodiscard]] int64_t damped_seconds(MacKey key, int64_t now) const;

  // Forgetting; each returns the number of entries removed
  uint32_t expire(int64_t now);
  uint32_t forget_port(uint32_t port);
  uint32_t forget_port(uint32_t port, uint16_t vlan);
  uint32_t forget_vlan(uint16_t vlan);
  uint32_t flush();

 private:
  using Index = uint32_t;  // the index of a node; 0: none
  struct Links {
    Index older, newer;
  };
  struct Node {
    MacKey key;
    uint64_t serial;
    int64_t seen;
    uint32_t port;
    Index chain;  // the next node of its bucket, or of the free list
    Links in_table, in_port;
    // These two fields are last, since only a move needs them: the fields above them share a cache line.
    int64_t window_began;  // the time of the first move in the window
    uint32_t moves;        // moves in the window; kMostMoves + 1: flapping; 0: has never moved
  };
  struct List {
    Index oldest = 0, newest = 0;
  };
  struct PortEntries {
    List list;
    uint32_t count = 0;
    uint32_t heap_at = 0;
  };
  struct Free {
    void operator()(void* memory) const { std::free(memory); }
  };

  [[nodiscard]] Index& bucket(MacKey key) const;
  [[nodiscard]] Index find_node(MacKey key) const;
  // Searches only if `last`, a node that was found before, is not the one; sets `last` to the result.
  [[nodiscard]] Index find_node(MacKey key, Index& last) const;
  void add(MacKey key, uint32_t port, int64_t now);
  void remove(Index index, Change why);
  [[nodiscard]] Learned try_move(Node& node, int64_t now) const;
  uint32_t forget_of(const List& list, Links Node::*links, uint16_t vlan);
  void append(List& list, Links Node::*links, Index index);
  void unlink(List& list, Links Node::*links, Index index);
  void add_to_port(Index index, uint32_t port);
  void remove_from_port(Index index);
  void sift(uint32_t at);
  [[nodiscard]] uint32_t count_at(uint32_t at) const { return ports_[heap_[at]].count; }
  void swap_in_heap(uint32_t a, uint32_t b);

  uint32_t limit_;
  uint32_t bucket_mask_;
  MacKey secret_ = 0;  // so that a guest cannot choose addresses that all share one bucket
  std::unique_ptr<Index[], Free> buckets_;  // from calloc: unused pages take no memory
  std::unique_ptr<Node[], Free> nodes_;     // also from calloc; nodes_[0] is never used
  Index fresh_ = 1;                         // nodes from here on have never been used
  Index free_ = 0;
  // The nodes that the last learn() and find() found: frames of one flow follow each other. 0: none
  Index last_source_ = 0;
  mutable Index last_destination_ = 0;
  List list_;
  std::vector<PortEntries> ports_;  // by number
  std::vector<uint32_t> heap_;      // port numbers as a heap, the port with most entries first
  uint32_t size_ = 0;
  uint64_t next_serial_ = 0;
  uint64_t moves_ = 0;
  uint64_t evictions_ = 0;
  int64_t last_gc_ = 0;
};

}  // namespace tsvde
