// An endpoint attached to its port, with the state that the port, the loop and pacing each keep for it. Each
// endpoint has its own queue, so that two endpoints on one port do not wait for each other. Made in the
// thread that attaches; after that, loop thread only.
#pragma once

#include <memory>
#include <vector>

#include "engine/endpoint.h"
#include "engine/frame_queue.h"

namespace tsvde {

struct Port;

struct Attachment {
  Attachment(Port& port, uint32_t id, std::unique_ptr<Endpoint> endpoint, uint32_t queue_limit,
             QueueMemory& memory);
  Attachment(const Attachment&) = delete;
  Attachment& operator=(const Attachment&) = delete;
  ~Attachment() { endpoint->on_watches_changed = nullptr; }

  // Used by the port, which also sets service.waiting.
  Port& port;
  const uint32_t id;  // the endpoint's ID, unique in the switch
  const std::unique_ptr<Endpoint> endpoint;
  FrameQueue queue;
  uint32_t segments_sent = 0;  // how many segments of the oldest queued frame have been sent

  struct Service {
    bool waiting = false;                 // frames are queued until the endpoint has room
    bool ready = false;                   // has frames, but gave up its turn; see Endpoint::on_ready
    uint32_t batch = 1;                   // how many frames to receive in one call
    bool ended = false;                   // the endpoint has ended and waits to be detached
    int unreported = 0;                   // the errno of its end, until there is memory to report it
    std::vector<uint32_t> registrations;  // the endpoint's indices in the WatchSet, which sets them
  };
  Service service;  // used by the loop

  struct Pace {
    Attachment* sole_destination = nullptr;  // the only destination of the last batch; null: none or several
    uint32_t most_frames = 1;                // the largest Frame::frames() of the last batch
    uint64_t most_bytes = 1;                 // the largest Frame::bytes() of the last batch
    bool paused = false;                     // nothing is read from this endpoint
    bool stalled = false;  // has made no room in time: no source is paused for it until it has room
  };
  Pace pace;  // used by pacing; the loop and the WatchSet read `paused`

  [[nodiscard]] bool has_room() const { return !service.waiting || queue.is_half_empty(); }
};

}  // namespace tsvde
