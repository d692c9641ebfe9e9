// The reports of the loop: events for its sink, and frames for the captures. Loop thread only.
#include <algorithm>
#include <new>
#include <utility>

#include "engine/loop.h"
#include "engine/offload/segmenter.h"

namespace tsvde {

void Loop::report_end(Attachment& attachment, int error) {
  const Endpoint::EndReason reason = attachment.endpoint->end_reason();
  try {
    sink_({.kind = Event::Kind::endpoint_ended,
           .port = attachment.port.number,
           .endpoint = attachment.id,
           .error = error,
           .reason = reason.name,
           .text = reason.text});
  } catch (const std::bad_alloc&) {
    attachment.service.unreported = error;
    unreported_++;
  }
}

void Loop::report_ends() {
  captures_.report_ends();
  if (unreported_ == 0) return;
  for (const Port* port : switch_.ports()) {
    for (const auto& attachment : port->attachments) {
      if (attachment->service.unreported == 0) continue;
      unreported_--;
      report_end(*attachment, std::exchange(attachment->service.unreported, 0));
    }
  }
}

// Sends at most one event of each kind in a second, which is enough: the table counts every move.
void Loop::moved(MacKey key, uint32_t from, uint32_t to, bool again) {
  if (std::exchange(again ? moved_again_at_ : moved_at_, second_) == second_) return;
  sink_({.kind = Event::Kind::mac_moved, .port = from, .key = key, .elsewhere = to});
}

void Loop::flapping(MacKey key, uint32_t port, uint32_t elsewhere, int64_t seconds) {
  if (std::exchange(flapping_at_, second_) == second_) return;
  sink_({.kind = Event::Kind::mac_flapping,
         .port = port,
         .key = key,
         .elsewhere = elsewhere,
         .seconds = static_cast<uint32_t>(seconds)});
}

void Loop::bpdu(const Port& from, const Frame& frame) {
  constexpr size_t kMost = 128;  // a BPDU has less than half as many bytes
  Frame view = frame;
  if (frame.tagged) frame.make_untagged_view(view);
  report_bytes({.kind = Event::Kind::bpdu, .port = from.number, .vlan = frame.vlan}, view, kMost);
}

void Loop::report_bytes(Event event, const Frame& frame, size_t most) {
  try {
    event.bytes = frame.copy();
    event.bytes.resize(std::min(event.bytes.size(), most));
  } catch (const std::bad_alloc&) {
    event.lost = true;
  }
  sink_(std::move(event));
}

void Loop::report_capture_ended(uint32_t id) {
  sink_({.kind = Event::Kind::capture_ended, .capture = id, .error = captures_.find(id)->output().error()});
}

// Captures a frame as it would be on the wire: in segments, with complete checksums.
void Loop::captured(const Port& port, const Frame& frame, bool received) {
  if (!frame.offload.any()) [[likely]] {
    captures_.take(port.number, frame, received);
    if (frame_events_) report_frame(port, frame, received);
    return;
  }
  static thread_local Segmenter segmenter;
  if (!frame_events_ && !captures_.wants(port.number, received)) return;
  segmenter.start(frame);
  while (const Frame* segment = segmenter.next()) {
    captures_.take(port.number, *segment, received);
    if (frame_events_) report_frame(port, *segment, received);
  }
}

void Loop::report_frame(const Port& port, const Frame& frame, bool received) {
  report_bytes({.kind = received ? Event::Kind::received : Event::Kind::transmitted, .port = port.number},
               frame, SIZE_MAX);
}

// Captures a dropped frame. A packet whose length is invalid cannot be segmented. A frame that is too long
// has its true size, but only the first bytes of it were received.
void Loop::dropped(const Port& port, const Frame& frame, Counter reason) {
  static thread_local Segmenter segmenter;
  const bool is_bad_length = reason == receive_drop_too_short || reason == receive_drop_too_long;
  if (is_bad_length) {
    Frame received = frame;
    received.parts[0].iov_len = std::min<size_t>(received.parts[0].iov_len, kFrameRoom);
    return captures_.take_dropped(port.number, received, reason);
  }
  if (!frame.offload.any()) return captures_.take_dropped(port.number, frame, reason);
  segmenter.start(frame);
  while (const Frame* segment = segmenter.next()) captures_.take_dropped(port.number, *segment, reason);
}

}  // namespace tsvde
