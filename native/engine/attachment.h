// An endpoint at its port, with the state that the port, the loop and pacing each keep of it. Each endpoint
// has a queue of its own: two on one port do not wait for each other. Loop thread only.
#pragma once

#include <memory>
#include <vector>

#include "engine/endpoint.h"
#include "engine/frame_queue.h"

namespace tsvde {

struct Port;

struct Attachment {
  Attachment(Port& port, uint32_t id, std::unique_ptr<Endpoint> endpoint, uint32_t queue_limit);
  Attachment(const Attachment&) = delete;
  Attachment& operator=(const Attachment&) = delete;
  ~Attachment() { endpoint->on_watches_changed = nullptr; }

  // The port's
  Port& port;
  const uint32_t id;  // of the endpoint, unique in the switch
  const std::unique_ptr<Endpoint> endpoint;
  FrameQueue queue;
  uint32_t segments_sent = 0;  // of the oldest frame in the queue, if it is sent in segments
  bool failed = false;         // the endpoint has ended and waits to be detached

  struct Service {
    bool waiting = false;                 // for room, as frames do that wait to leave
    uint32_t batch = 1;                   // how many frames to receive at once
    std::vector<uint32_t> registrations;  // indices in the WatchSet
  };
  Service service;  // the loop's

  struct Pace {
    Attachment* sole_destination = nullptr;  // of its last batch; null if it went to several
    uint32_t most_frames = 1;                // on the wire, of one frame of that batch
    uint64_t most_bytes = 1;                 // likewise
    bool paused = false;                     // nothing is read from it
    bool stalled = false;  // it made no room in time; no source is paused for it until it has
  };
  Pace pace;  // pacing's

  [[nodiscard]] bool has_room() const { return !service.waiting || queue.is_half_empty(); }
};

}  // namespace tsvde
