// The events that the engine sends to JavaScript, and the queues in which they wait.
//
// Unrelated kinds of events wait in separate queues, so that none can starve another: captured frames come at
// the rate of the traffic, while a lost BPDU may cause a forwarding loop. The queues are bounded, except the
// queue for the ends of endpoints and captures, and an event whose queue is full is lost and counted. The
// engine's thread pushes events and JavaScript's thread takes them; neither ever waits for the other.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <vector>

#include "engine/mac_table.h"

namespace tsvde {

struct Event {
  enum class Kind {
    endpoint_ended,
    endpoint_notice,
    capture_ended,
    mac_moved,
    mac_flapping,
    mac_changed,
    bpdu,
    received,
    transmitted
  };
  Kind kind;
  uint32_t port = 0;             // the port of the endpoint, frame or address; for mac_moved: the old port
  uint32_t endpoint = 0;         // for endpoint_*
  uint32_t capture = 0;          // for capture_ended
  int error = 0;                 // for endpoint_ended: an errno; for capture_ended: an errno, or 0
  const char* reason = nullptr;  // for endpoint_ended: the name of Endpoint::end_reason()
  const char* text = nullptr;    // for endpoint_ended: its text; for endpoint_notice: a sentence
  MacKey key = 0;                // for mac_*
  MacTable::Change change{};     // for mac_changed
  uint32_t elsewhere = 0;        // for mac_moved and mac_flapping: the port of the address's last frame; for
                                 // mac_changed: the port that the address was on before
  uint32_t seconds = 0;          // for mac_flapping: how long the address stays on its port
  uint16_t vlan = 0;             // for bpdu
  std::vector<uint8_t> bytes{};  // for bpdu: without a tag; for received and transmitted: the whole frame
  bool lost = false;             // there was no memory for `bytes`; the event is only counted
};

// A first-in, first-out queue without locks. One thread pushes and one thread takes.
class EventQueue {
 public:
  explicit EventQueue(size_t places) : places_(places) {}
  EventQueue(const EventQueue&) = delete;
  EventQueue& operator=(const EventQueue&) = delete;
  ~EventQueue();

  // Returns false if the event is lost, which is counted: there is no place or no memory for it.
  bool push(Event event);
  // Removes and returns the oldest event.
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
  std::atomic<Node*> newest_ = nullptr;  // the events not yet moved to oldest_, the newest first
  Node* oldest_ = nullptr;               // earlier events, the oldest first; used only by the taking thread
};

class EventQueues {
 public:
  // Throws std::bad_alloc for the end of an endpoint or of a capture, which must not be lost: try again
  // later.
  void push(Event event);
  // Removes and returns the most urgent event: the ends of endpoints and captures first, then BPDUs, then
  // addresses, and captured frames last.
  [[nodiscard]] std::optional<Event> take();

  struct Lost {
    uint64_t notices, bpdus, macs_moved, macs, frames;
  };
  [[nodiscard]] Lost lost() const;

 private:
  enum Queue : uint32_t { ends, bpdus, macs_moved, macs, frames };
  [[nodiscard]] static Queue queue_of(Event::Kind kind);

  // In order of urgency. The queue of ends needs no limit, since each endpoint and each capture ends only
  // once, and an endpoint has one notice. A port delivers at most 256 BPDUs a second, plus one for each of
  // its VLANs, so 8192 places hold what several hostile ports send within a few seconds.
  std::array<EventQueue, 5> queues_{EventQueue(SIZE_MAX), EventQueue(8192), EventQueue(64), EventQueue(512),
                                    EventQueue(512)};
  std::atomic<uint64_t> notices_lost_ = 0;  // counted here, since the ends in the same queue are tried again
};

}  // namespace tsvde
