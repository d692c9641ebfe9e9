#include "engine/mac_table.h"

#include <sys/random.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <new>
#include <system_error>

#include "engine/room.h"

namespace tsvde {

static_assert(std::endian::native == std::endian::little, "MacKey is read from a frame as it lies in memory");

namespace {

// The 64-bit finalizer of MurmurHash3 (public domain): spreads addresses that differ in a few bits.
uint64_t spread(uint64_t key) {
  key ^= key >> 33;
  key *= 0xff51afd7ed558ccd;
  key ^= key >> 33;
  key *= 0xc4ceb9fe1a85ec53;
  return key ^ (key >> 33);
}

template <typename T>
T* zeroed(size_t count) {
  void* memory = std::calloc(count, sizeof(T));
  if (memory == nullptr) throw std::bad_alloc();
  return static_cast<T*>(memory);
}

}  // namespace

MacTable::MacTable(uint32_t limit)
    : limit_(std::max(limit, 1u)),
      bucket_mask_(std::bit_ceil(limit_) * 2 - 1),
      buckets_(zeroed<Index>(size_t{bucket_mask_} + 1)),
      nodes_(zeroed<Node>(size_t{limit_} + 1)) {
  while (getrandom(&secret_, sizeof secret_, 0) < 0)
    if (errno != EINTR) throw std::system_error(errno, std::generic_category(), "getrandom");
}

// --- Basics

void MacTable::list(std::vector<Entry>& to, int64_t now) const {
  for (Index i = list_.oldest; i != 0 && to.size() < to.capacity(); i = nodes_[i].in_table.newer) {
    const Node& node = nodes_[i];
    to.push_back({node.key, node.serial, node.port, static_cast<uint32_t>(now - node.seen)});
  }
}

void MacTable::add_port(uint32_t port) {
  if (ports_.size() <= port) ports_.resize(port + 1);
  ensure_room(heap_, ports_.size());
}

// --- Learning and lookup

MacTable::Learning MacTable::learn(MacKey key, uint32_t port, int64_t now) {
  const Index index = find_node(key, last_source_);
  if (index == 0) {
    add(key, port, now);
    return {Learned::added, port};
  }
  Node& node = nodes_[index];
  const uint32_t previous = node.port;
  Learned outcome = Learned::refreshed;
  if (previous == port) {
    if (node.seen == now) return {Learned::refreshed, previous};  // the lists need no change
  } else {
    outcome = try_move(node, now);
    if (outcome == Learned::flapping || outcome == Learned::damped) return {outcome, previous};
    moves_++;
    if (observer) observer(key, Change::moved, port, previous);
  }

  node.seen = now;
  unlink(list_, &Node::in_table, index);
  append(list_, &Node::in_table, index);
  remove_from_port(index);
  add_to_port(index, port);
  return {outcome, previous};
}

// Counts an attempt to move. Returns the outcome: whether the address may move.
MacTable::Learned MacTable::try_move(Node& node, int64_t now) const {
  if (node.moves == 0 || now - node.window_began >= settings.min_persistence_seconds) {
    const bool was_flapping = node.moves > kMostMoves;
    node.window_began = now;
    node.moves = 1;
    return was_flapping ? Learned::moved_again : Learned::moved;
  }
  if (node.moves > kMostMoves) return Learned::damped;
  node.moves++;
  return node.moves > kMostMoves ? Learned::flapping : Learned::moved_again;
}

std::optional<uint32_t> MacTable::find(MacKey key) const {
  const Index index = find_node(key, last_destination_);
  if (index == 0) return std::nullopt;
  return nodes_[index].port;
}

int64_t MacTable::damped_seconds(MacKey key, int64_t now) const {
  const Node& node = nodes_[find_node(key)];  // nodes_[0] is all zeroes
  if (node.moves < kMostMoves) return 0;
  return std::max<int64_t>(node.window_began + settings.min_persistence_seconds - now, 0);
}

void MacTable::add(MacKey key, uint32_t port, int64_t now) {
  if (size_ == limit_) {
    remove(ports_[heap_[0]].list.oldest, Change::evicted);
    evictions_++;
  }
  const Index index = free_ != 0 ? free_ : fresh_++;
  Node& node = nodes_[index];
  if (index == free_) free_ = node.chain;
  Index& first = bucket(key);
  node = {.key = key,
          .serial = next_serial_++,
          .seen = now,
          .port = port,
          .chain = first,
          .in_table = {},
          .in_port = {},
          .window_began = 0,
          .moves = 0};
  first = index;
  append(list_, &Node::in_table, index);
  add_to_port(index, port);
  size_++;
  if (observer) observer(key, Change::added, port, port);
}

// --- Forgetting

uint32_t MacTable::expire(int64_t now) {
  if (settings.gc_interval_seconds <= 0 || now - last_gc_ < settings.gc_interval_seconds) return 0;
  last_gc_ = now;
  const uint32_t before = size_;
  while (list_.oldest != 0 && nodes_[list_.oldest].seen + settings.expire_seconds < now)
    remove(list_.oldest, Change::aged_out);
  return before - size_;
}

uint32_t MacTable::forget_port(uint32_t port) {
  if (port >= ports_.size()) return 0;
  const uint32_t before = size_;
  while (ports_[port].count > 0) remove(ports_[port].list.oldest, Change::forgotten);
  return before - size_;
}

uint32_t MacTable::forget_port(uint32_t port, uint16_t vlan) {
  if (port >= ports_.size()) return 0;
  return forget_of(ports_[port].list, &Node::in_port, vlan);
}

uint32_t MacTable::forget_vlan(uint16_t vlan) {
  return forget_of(list_, &Node::in_table, vlan);
}

uint32_t MacTable::forget_of(const List& list, Links Node::*links, uint16_t vlan) {
  const uint32_t before = size_;
  for (Index i = list.oldest; i != 0;) {
    const Node& node = nodes_[i];
    const Index next = (node.*links).newer;
    if (node.key >> 48 == vlan) remove(i, Change::forgotten);
    i = next;
  }
  return before - size_;
}

uint32_t MacTable::flush() {
  const uint32_t before = size_;
  while (list_.oldest != 0) remove(list_.oldest, Change::forgotten);
  return before;
}

void MacTable::remove(Index index, Change why) {
  Node& node = nodes_[index];
  if (observer) observer(node.key, why, node.port, node.port);
  Index* link = &bucket(node.key);
  while (*link != index) link = &nodes_[*link].chain;
  *link = node.chain;
  if (last_source_ == index) last_source_ = 0;
  if (last_destination_ == index) last_destination_ = 0;
  unlink(list_, &Node::in_table, index);
  remove_from_port(index);
  node.chain = free_;
  free_ = index;
  size_--;
}

// --- The index by key

MacTable::Index& MacTable::bucket(MacKey key) const {
  return buckets_[spread(key ^ secret_) & bucket_mask_];
}

MacTable::Index MacTable::find_node(MacKey key) const {
  Index index = bucket(key);
  while (index != 0 && nodes_[index].key != key) index = nodes_[index].chain;
  return index;
}

MacTable::Index MacTable::find_node(MacKey key, Index& last) const {
  if (last == 0 || nodes_[last].key != key) last = find_node(key);
  return last;
}

// --- The lists, oldest first

void MacTable::append(List& list, Links Node::*links, Index index) {
  nodes_[index].*links = {.older = list.newest, .newer = 0};
  if (list.newest != 0) (nodes_[list.newest].*links).newer = index;
  if (list.oldest == 0) list.oldest = index;
  list.newest = index;
}

void MacTable::unlink(List& list, Links Node::*links, Index index) {
  const Links gone = nodes_[index].*links;
  (gone.older != 0 ? (nodes_[gone.older].*links).newer : list.oldest) = gone.newer;
  (gone.newer != 0 ? (nodes_[gone.newer].*links).older : list.newest) = gone.older;
}

// --- The entries of a port, and the heap whose first element is the port with most entries

void MacTable::add_to_port(Index index, uint32_t port) {
  PortEntries& entries = ports_[port];
  nodes_[index].port = port;
  append(entries.list, &Node::in_port, index);
  if (entries.count++ == 0) {
    entries.heap_at = static_cast<uint32_t>(heap_.size());
    heap_.push_back(port);
  }
  sift(entries.heap_at);
}

void MacTable::remove_from_port(Index index) {
  PortEntries& entries = ports_[nodes_[index].port];
  unlink(entries.list, &Node::in_port, index);
  const uint32_t at = entries.heap_at;
  if (--entries.count == 0) {
    swap_in_heap(at, static_cast<uint32_t>(heap_.size()) - 1);
    heap_.pop_back();
  }
  if (at < heap_.size()) sift(at);
}

void MacTable::sift(uint32_t at) {
  for (uint32_t parent = (at - 1) / 2; at > 0 && count_at(at) > count_at(parent); parent = (at - 1) / 2) {
    swap_in_heap(at, parent);
    at = parent;
  }
  for (;;) {
    uint32_t largest = at;
    for (uint32_t child = 2 * at + 1; child <= 2 * at + 2 && child < heap_.size(); child++) {
      if (count_at(child) > count_at(largest)) largest = child;
    }
    if (largest == at) return;
    swap_in_heap(at, largest);
    at = largest;
  }
}

void MacTable::swap_in_heap(uint32_t a, uint32_t b) {
  std::swap(heap_[a], heap_[b]);
  ports_[heap_[a]].heap_at = a;
  ports_[heap_[b]].heap_at = b;
}

}  // namespace tsvde
