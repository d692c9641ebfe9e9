// Backpressure: while the only endpoint that a source sends to is full, the source is paused, so that its
// frames are not dropped. The source's own buffer then fills, and its sender waits. Pauses are bounded: an
// endpoint that has made no room within the bound is stalled, and frames for it are dropped and counted until
// it has room again. So a stopped reader delays only the sources that send to it, and only once.
//
// Pacing is told the time and never reads a clock. Loop thread only.
#pragma once

#include <span>
#include <vector>

#include "engine/port.h"

namespace tsvde {

class Pacing {
 public:
  // The longest pause of a source; with 0, no source is ever paused.
  uint32_t bound_ms = 0;

  // Allocates memory for this many endpoints, so that pausing allocates none.
  void reserve(size_t endpoints);
  // Returns whether no source is paused.
  [[nodiscard]] bool idle() const { return pauses_.empty(); }
  // Returns how many frames to receive in one call. A source with a sole destination receives at most as many
  // as fill half of the destination's queue, assuming that each frame is as large as the largest of the last
  // batch. If the destination accepts coalesced segments, the source receives a whole batch instead, since
  // frames can be coalesced only within a batch.
  [[nodiscard]] static uint32_t batch(const Attachment& source);
  // Records where the frames of a batch go. Call it before they are sent.
  static void sent(Attachment& source, std::span<const Frame> batch, std::span<Port* const> to);
  // Returns whether `source` must be paused rather than read.
  [[nodiscard]] bool should_pause(const Attachment& source) const;
  // Pauses `source` until one of the functions below returns it.
  void pause(Attachment& source, int64_t now_ms);

  // Returns the sources that were paused for `destination`, in the order in which they were paused; none
  // while `destination` has no room. The result is valid until the next call.
  [[nodiscard]] std::span<Attachment* const> drained(Attachment& destination);
  // Returns the sources that were paused for an endpoint that has made no room within the bound. The result
  // is valid until the next call.
  [[nodiscard]] std::span<Attachment* const> overdue(int64_t now_ms);
  // Returns the milliseconds until overdue() must be called again; -1 if no source is paused.
  [[nodiscard]] int patience_ms(int64_t now_ms) const;
  // Forgets an endpoint that is being detached from one of `ports`, a range of `const Port*`. Returns the
  // sources that were paused for it. The result is valid until the next call.
  template <typename Ports>
  [[nodiscard]] std::span<Attachment* const> forget(Attachment& gone, const Ports& ports) {
    for (const Port* port : ports) {
      for (const auto& attachment : port->attachments) {
        if (attachment->pace.sole_destination == &gone) attachment->pace.sole_destination = nullptr;
      }
    }
    release(gone);
    return release_all(gone);
  }

 private:
  struct Pause {
    Attachment* source;
    Attachment* destination;
    int64_t since_ms;
  };
  void release(Attachment& source);
  std::span<Attachment* const> release_all(Attachment& destination);

  std::vector<Pause> pauses_;  // the oldest first
  std::vector<Attachment*> released_;
};

}  // namespace tsvde
