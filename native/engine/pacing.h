// Backpressure: pauses a source while the one endpoint it sends to is full, instead of dropping what it
// sends. Its own buffer then fills, and its sender waits. The pause is bounded: an endpoint that has made no
// room within the bound is stalled, and until it has room again, frames for it are dropped and counted. A
// reader that stopped delays its own sources once, and nobody else.
//
// It is told the time and never reads a clock. Loop thread only.
#pragma once

#include <span>
#include <vector>

#include "engine/port.h"

namespace tsvde {

class Pacing {
 public:
  // The longest pause of a source; 0: no source is ever paused.
  uint32_t bound_ms = 0;

  // Takes the memory for that many endpoints, so that pausing takes none.
  void reserve(size_t endpoints);
  // No source is paused.
  [[nodiscard]] bool idle() const { return pauses_.empty(); }
  // How many frames to receive at once. For a source with a sole destination, no more than fill half of that
  // queue if all are as large as the largest of its last batch; but a whole batch if that destination takes
  // coalesced segments, since only frames of one batch can be coalesced.
  [[nodiscard]] static uint32_t batch(const Attachment& source);
  // Records where the frames of a batch are going; called before they leave.
  static void sent(Attachment& source, std::span<const Frame> batch, std::span<Port* const> to);
  // Whether `source` is to be paused rather than read.
  [[nodiscard]] bool should_pause(const Attachment& source) const;
  // Pauses `source` until one of the following calls returns it.
  void pause(Attachment& source, int64_t now_ms);

  // The sources that were paused for `destination`, in order; none while it has no room. Good until the next
  // call.
  [[nodiscard]] std::span<Attachment* const> drained(Attachment& destination);
  // The sources that were paused for an endpoint that has made no room within the bound; likewise.
  [[nodiscard]] std::span<Attachment* const> overdue(int64_t now_ms);
  // How long until overdue() is to be called again; -1: no source is paused.
  [[nodiscard]] int patience_ms(int64_t now_ms) const;
  // Forgets an endpoint that is being detached. Returns the sources that were paused for it; likewise.
  [[nodiscard]] std::span<Attachment* const> forget(Attachment& gone, std::span<const Port* const> ports);

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
