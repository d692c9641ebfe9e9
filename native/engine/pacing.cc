#include "engine/pacing.h"

#include <algorithm>

namespace tsvde {

void Pacing::reserve(size_t endpoints) {
  holds_.reserve(endpoints);
  released_.reserve(endpoints);
}

uint32_t Pacing::batch(const Attachment& source) {
  const Attachment* to = source.heads_for;
  if (to == nullptr) return source.batch;
  if ((to->endpoint->offloads() & kCutsTcp) != 0) return kBatch;
  return std::min(source.batch, std::max(to->queue.half_holds(source.most_frames, source.most_bytes), 1u));
}

void Pacing::sent(Attachment& source, std::span<const Frame> batch, std::span<Port* const> to) {
  if (batch.empty()) return;
  const bool one = to.size() == 1 && to[0]->attachments.size() == 1;
  source.heads_for = one ? to[0]->attachments[0].get() : nullptr;
  if (!one) return;  // and nobody asks how large they were
  source.most_frames = 1;
  source.most_bytes = 1;
  for (const Frame& frame : batch) {
    source.most_frames = std::max(source.most_frames, frame.frames());
    source.most_bytes = std::max(source.most_bytes, frame.bytes());
  }
}

bool Pacing::should_hold(const Attachment& source) const {
  const Attachment* to = source.heads_for;
  return bound_ms > 0 && to != nullptr && !to->stalled && !to->has_room();
}

void Pacing::hold(Attachment& source, int64_t now_ms) {
  source.held = true;
  source.port.counters[receive_holds]++;
  holds_.push_back({&source, source.heads_for, now_ms});
}

std::span<Attachment* const> Pacing::drained(Attachment& destination) {
  if (!destination.has_room()) return {};
  destination.stalled = false;
  return release_all(destination);
}

std::span<Attachment* const> Pacing::overdue(int64_t now_ms) {
  if (holds_.empty() || patience_ms(now_ms) > 0) return {};
  Attachment& destination = *holds_[0].destination;
  destination.stalled = true;
  destination.port.counters[transmit_stalls]++;
  return release_all(destination);
}

int Pacing::patience_ms(int64_t now_ms) const {
  if (holds_.empty()) return -1;
  return static_cast<int>(std::max<int64_t>(holds_[0].since + bound_ms - now_ms, 0));
}

void Pacing::release(Attachment& source) {
  source.held = false;
  std::erase_if(holds_, [&](const Hold& hold) { return hold.source == &source; });
}

std::span<Attachment* const> Pacing::forget(Attachment& gone, std::span<const Port* const> ports) {
  for (const Port* port : ports) {
    for (const auto& attachment : port->attachments) {
      if (attachment->heads_for == &gone) attachment->heads_for = nullptr;
    }
  }
  release(gone);
  return release_all(gone);
}

std::span<Attachment* const> Pacing::release_all(Attachment& destination) {
  released_.clear();
  std::erase_if(holds_, [&](const Hold& hold) {
    if (hold.destination != &destination) return false;
    hold.source->held = false;
    released_.push_back(hold.source);
    return true;
  });
  return released_;
}

}  // namespace tsvde
