#include "engine/pacing.h"

#include <algorithm>

#include "engine/room.h"

namespace tsvde {

void Pacing::reserve(size_t endpoints) {
  ensure_room(pauses_, endpoints);
  ensure_room(released_, endpoints);
}

uint32_t Pacing::batch(const Attachment& source) {
  const auto& pace = source.pace;
  const uint32_t batch = source.service.batch;
  const Attachment* to = pace.sole_destination;
  if (to == nullptr) return batch;
  if ((to->endpoint->offloads() & kSegmentsTcp) != 0) return kBatch;
  return std::min(batch, std::max(to->queue.half_holds(pace.most_frames, pace.most_bytes), 1u));
}

void Pacing::sent(Attachment& source, std::span<const Frame> batch, std::span<Port* const> to) {
  if (batch.empty()) return;
  auto& pace = source.pace;
  const bool one = to.size() == 1 && to[0]->attachments.size() == 1;
  pace.sole_destination = one ? to[0]->attachments[0].get() : nullptr;
  if (!one) return;  // the sizes matter only for a sole destination
  pace.most_frames = 1;
  pace.most_bytes = 1;
  for (const Frame& frame : batch) {
    pace.most_frames = std::max(pace.most_frames, frame.frames());
    pace.most_bytes = std::max(pace.most_bytes, frame.bytes());
  }
}

bool Pacing::should_pause(const Attachment& source) const {
  const Attachment* to = source.pace.sole_destination;
  return bound_ms > 0 && to != nullptr && !to->pace.stalled && !to->has_room();
}

void Pacing::pause(Attachment& source, int64_t now_ms) {
  source.pace.paused = true;
  source.port.counters[receive_pauses]++;
  pauses_.push_back({&source, source.pace.sole_destination, now_ms});
}

std::span<Attachment* const> Pacing::drained(Attachment& destination) {
  if (!destination.has_room()) return {};
  destination.pace.stalled = false;
  return release_all(destination);
}

std::span<Attachment* const> Pacing::overdue(int64_t now_ms) {
  if (pauses_.empty() || patience_ms(now_ms) > 0) return {};
  Attachment& destination = *pauses_[0].destination;
  destination.pace.stalled = true;
  destination.port.counters[transmit_stalls]++;
  return release_all(destination);
}

int Pacing::patience_ms(int64_t now_ms) const {
  if (pauses_.empty()) return -1;
  return static_cast<int>(std::max<int64_t>(pauses_[0].since_ms + bound_ms - now_ms, 0));
}

void Pacing::release(Attachment& source) {
  source.pace.paused = false;
  std::erase_if(pauses_, [&](const Pause& pause) { return pause.source == &source; });
}

std::span<Attachment* const> Pacing::release_all(Attachment& destination) {
  released_.clear();
  std::erase_if(pauses_, [&](const Pause& pause) {
    if (pause.destination != &destination) return false;
    pause.source->pace.paused = false;
    released_.push_back(pause.source);
    return true;
  });
  return released_;
}

}  // namespace tsvde
