// What the engine tells JavaScript, and the queues in which that waits.
//
// Each kind of event has places of its own, so that no kind can take another's: captured frames come as fast
// as frames do, while a lost BPDU may open a ring of switches. What finds its places taken is lost and
// counted. The engine's thread pushes and JavaScript's takes, and neither ever waits for the other.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <vector>

#include "engine/frame.h"

namespace tsvde {

struct Event {
  enum class Kind {
    endpoint_failed,
    mac_seen_elsewhere,
    mac_added,
    mac_removed,
    bpdu,
    received,
    transmitted
  };
  Kind kind;
  uint32_t port = 0;             // of the endpoint, the address or the frame
  uint32_t endpoint = 0;         // endpoint_failed
  int error = 0;                 // endpoint_failed: an errno
  MacKey key = 0;                // mac_*
  uint32_t elsewhere = 0;        // mac_seen_elsewhere
  uint16_t vlan = 0;             // bpdu
  std::vector<uint8_t> bytes{};  // bpdu: without a tag; received, transmitted: the whole frame
};

// First in, first out. One thread pushes and one takes.
class EventQueue {
 public:
  explicit EventQueue(size_t places) : places_(places) {}
  EventQueue(const EventQueue&) = delete;
  EventQueue& operator=(const EventQueue&) = delete;
  ~EventQueue();

  void push(Event event);
  // The oldest event.
  [[nodiscard]] std::optional<Event> take();
  [[nodiscard]] uint64_t lost() const { return lost_; }

 private:
  struct Node {
    Event event;
    Node* next;
  };

  const size_t places_;
  std::atomic<size_t> waiting_ = 0;
  std::atomic<uint64_t> lost_ = 0;
  std::atomic<Node*> newest_ = nullptr;  // those that were pushed, in reverse order
  Node* oldest_ = nullptr;               // those before, which the taking thread has put in order
};

class EventQueues {
 public:
  void push(Event event) {
    auto& queue = queues_[queue_of(event.kind)];
    queue.push(std::move(event));
  }
  // The next event to deliver: an end before a BPDU, that before an address, and a captured frame last.
  [[nodiscard]] std::optional<Event> take();

  struct Lost {
    uint64_t bpdus, macs_seen_elsewhere, macs, frames;
  };
  [[nodiscard]] Lost lost() const;

 private:
  enum Queue : uint32_t { ends, bpdus, macs_seen_elsewhere, macs, frames };
  [[nodiscard]] static Queue queue_of(Event::Kind kind);

  // In order of urgency. An endpoint fails only once, so none of these is refused. A port may bring 256 BPDUs
  // a second and one more for each of its VLANs. An address that is seen elsewhere is told of once a second.
  std::array<EventQueue, 5> queues_{EventQueue(SIZE_MAX), EventQueue(8192), EventQueue(64), EventQueue(512),
                                    EventQueue(512)};
};

}  // namespace tsvde
