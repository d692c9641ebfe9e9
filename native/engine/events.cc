#include "engine/events.h"

#include <memory>
#include <new>
#include <utility>

namespace tsvde {

EventQueue::~EventQueue() {
  while (take()) continue;
}

bool EventQueue::push(Event event) {
  Node* node = nullptr;
  if (waiting_ < places_ && !event.lost) node = new (std::nothrow) Node{std::move(event), nullptr};
  if (node == nullptr) {
    lost_++;
    return false;
  }
  waiting_++;
  node->next = newest_.load(std::memory_order_relaxed);
  while (
      !newest_.compare_exchange_weak(node->next, node, std::memory_order_release, std::memory_order_relaxed))
    continue;
  return true;
}

std::optional<Event> EventQueue::take() {
  if (oldest_ == nullptr && newest_.load(std::memory_order_relaxed) != nullptr) {
    for (Node* node = newest_.exchange(nullptr, std::memory_order_acquire); node != nullptr;)
      node = std::exchange(node->next, std::exchange(oldest_, node));
  }
  if (oldest_ == nullptr) return std::nullopt;
  const std::unique_ptr<Node> node(std::exchange(oldest_, oldest_->next));
  waiting_--;
  return std::move(node->event);
}

void EventQueues::push(Event event) {
  const Event::Kind kind = event.kind;
  if (queues_[queue_of(kind)].push(std::move(event))) return;
  if (kind == Event::Kind::endpoint_ended || kind == Event::Kind::capture_ended) throw std::bad_alloc();
  if (kind == Event::Kind::endpoint_notice) notices_lost_++;
}

std::optional<Event> EventQueues::take() {
  for (EventQueue& queue : queues_) {
    if (auto event = queue.take()) return event;
  }
  return std::nullopt;
}

EventQueues::Lost EventQueues::lost() const {
  return {.notices = notices_lost_,
          .bpdus = queues_[bpdus].lost(),
          .macs_moved = queues_[macs_moved].lost(),
          .macs = queues_[macs].lost(),
          .frames = queues_[frames].lost()};
}

EventQueues::Queue EventQueues::queue_of(Event::Kind kind) {
  switch (kind) {
    case Event::Kind::endpoint_ended:
    case Event::Kind::endpoint_notice:
    case Event::Kind::capture_ended:
      return ends;
    case Event::Kind::bpdu:
      return bpdus;
    case Event::Kind::mac_moved:
    case Event::Kind::mac_flapping:
      return macs_moved;
    case Event::Kind::mac_changed:
      return macs;
    case Event::Kind::received:
    case Event::Kind::transmitted:
      return frames;
  }
  return frames;
}

}  // namespace tsvde
