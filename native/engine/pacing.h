// Leaves a source unread while the one endpoint that it sends to is full, instead of dropping what it sends:
// its own buffer fills then, and its sender waits. For a bound: an endpoint that has made no room within it
// is stalled, and until it has room again what is for it is dropped and counted. So a reader that stopped
// costs its sources one moment, and nobody else anything.
//
// It is told the time and never reads a clock. Loop thread only.
#pragma once

#include <span>
#include <vector>

#include "engine/port.h"

namespace tsvde {

class Pacing {
 public:
  // How long a source is left unread at most; 0: nothing is ever held.
  uint32_t bound_ms = 0;

  // Takes the memory for that many endpoints; holding then takes none.
  void reserve(size_t endpoints);
  [[nodiscard]] bool idle() const { return holds_.empty(); }
  // How many frames to receive at once: as many, by the largest of its last batch, as its only destination
  // has room for when it is not full; all there are for one whose segments are joined, since a batch is what
  // can be joined.
  [[nodiscard]] static uint32_t batch(const Attachment& source);
  // To be told where the frames of a batch went before they leave.
  static void sent(Attachment& source, std::span<const Frame> batch, std::span<Port* const> to);
  // Is what `source` has to read better left unread for now?
  [[nodiscard]] bool should_hold(const Attachment& source) const;
  // Then it is, until one of the following gives it back.
  void hold(Attachment& source, int64_t now_ms);

  // Who was held for `destination`, in order; nobody while that has no room. Good until the next call.
  [[nodiscard]] std::span<Attachment* const> drained(Attachment& destination);
  // Who was held for an endpoint that has made no room within the bound; likewise.
  [[nodiscard]] std::span<Attachment* const> overdue(int64_t now_ms);
  // How long until overdue() is to be asked again; -1: nobody is held.
  [[nodiscard]] int patience_ms(int64_t now_ms) const;
  // The endpoint leaves. Who was held for it; likewise.
  [[nodiscard]] std::span<Attachment* const> forget(Attachment& gone, std::span<const Port* const> ports);

 private:
  struct Hold {
    Attachment* source;
    Attachment* destination;
    int64_t since;
  };
  void release(Attachment& source);
  std::span<Attachment* const> release_all(Attachment& destination);

  std::vector<Hold> holds_;  // the oldest first
  std::vector<Attachment*> released_;
};

}  // namespace tsvde
