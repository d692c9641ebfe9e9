#include "engine/port.h"

#include <cerrno>
#include <utility>

#include "engine/offload/coalescer.h"
#include "engine/offload/segmenter.h"

namespace tsvde {
Attachment::Attachment(Port& port, uint32_t id, std::unique_ptr<Endpoint> endpoint, uint32_t queue_limit,
                       QueueMemory& memory)
    : port(port), id(id), endpoint(std::move(endpoint)), queue(queue_limit, memory) {
  this->endpoint->count_in(port.counters);
  service.registrations.reserve(Endpoint::kWatchesMost);
}

Offloads Port::offloads() const {
  Offloads all = kCompletesChecksums | kSegmentsTcp | kSegmentsUdp | kGathers;
  for (const auto& attachment : attachments) all &= attachment->endpoint->offloads();
  return all;
}

void Port::make_room(Time now) {
  begun_to_wait_ = transmit(now);
}

bool Port::transmit(Time now) {
  static thread_local Coalescer coalescer;
  const Offloads able = offloads();
  if ((outgoing_needs & ~able) != 0) {
    gather(able);
    if ((outgoing_needs & ~able) != 0) return transmit_segmented(now);
  }
  if (outgoing_count > 1 && (able & kSegmentsTcp) != 0) {
    outgoing_count = coalescer.coalesce({outgoing.data(), outgoing_count});
  }
  return transmit_list(now);
}

void Port::gather(Offloads able) {
  outgoing_needs = 0;
  for (Frame* frame : std::span(outgoing).first(outgoing_count)) {
    if (frame->borrowed && (needs(*frame) & ~able) != 0) frame->gather();
    outgoing_needs |= needs(*frame);
  }
}

// Transmits on a port with an endpoint that cannot do all the offload work of its frames: does this work
// first, and sends the resulting frames a batch at a time.
bool Port::transmit_segmented(Time now) {
  static thread_local Segmenter segmenter;
  const auto given = outgoing;
  const uint32_t given_count = std::exchange(outgoing_count, 0);
  bool begun = false;
  const auto pass_on = [&](Frame* frame) {
    outgoing[outgoing_count++] = frame;
    if (outgoing_count == kBatch) begun |= transmit_list(now);
  };
  for (Frame* frame : std::span(given).first(given_count)) {
    if (!frame->offload.any()) {
      pass_on(frame);
      continue;
    }
    segmenter.start(*frame);
    while (Frame* segment = segmenter.next()) pass_on(segment);
  }
  begun |= transmit_list(now);
  return begun;
}

bool Port::transmit_list(Time now) {
  // A frame counts once, however many endpoints take it. A drop counts for each endpoint.
  Mask taken = 0;
  bool begun = std::exchange(begun_to_wait_, false);
  for (auto& attachment : attachments) {
    const bool waited = attachment->service.waiting;
    taken |= send(*attachment, now);
    begun |= attachment->service.waiting != waited;
  }
  for (uint32_t i = 0; i < outgoing_count; i++) {
    if ((taken >> i & 1) != 0) count_transmitted(*outgoing[i]);
  }
  outgoing_count = 0;
  outgoing_needs = 0;
  return begun;
}

Port::Mask Port::send(Attachment& attachment, Time now) {
  if (attachment.service.waiting) {
    if (outgoing_count > 0) attachment.endpoint->recheck(now);
    return enqueue(attachment, 0);  // behind the frames that wait already
  }
  Mask taken = 0;
  for (uint32_t next = 0; next < outgoing_count;) {
    const auto [frames, error, _] = attachment.endpoint->send({&outgoing[next], outgoing_count - next}, now);
    for (uint32_t i = 0; i < frames; i++) taken |= Mask{1} << next++;
    if (error == EAGAIN) return taken | enqueue(attachment, next);
    if (error != 0) {
      drop(*outgoing[next], drop_reason(error), outgoing[next]->frames());
      next++;
    }
  }
  return taken;
}

Port::Mask Port::enqueue(Attachment& attachment, uint32_t from) {
  attachment.service.waiting = true;
  Mask taken = 0;
  for (uint32_t i = from; i < outgoing_count; i++) {
    if (attachment.queue.push(*outgoing[i])) {
      taken |= Mask{1} << i;
    } else {
      drop(*outgoing[i], drop_reason(ENOBUFS), outgoing[i]->frames());
    }
  }
  return taken;
}

void Port::drain(Attachment& attachment, Time now) {
  std::array<Frame, kBatch> frames;
  std::array<Frame*, kBatch> pointers;
  // send() is called even if the queue is empty: the endpoint may have kept the rest of a frame that it sent
  // in part.
  do {
    const uint32_t waiting = attachment.queue.peek(frames);
    const Offloads able = attachment.endpoint->offloads();
    uint32_t count = 0;
    for (; count < waiting && (needed(frames[count].offload) & ~able) == 0; count++)
      pointers[count] = &frames[count];
    if (attachment.segments_sent > 0 || (count == 0 && waiting > 0)) {
      if (!drain_segmented(attachment, frames[0], now)) return;
      attachment.queue.drop_front(1);
      continue;
    }
    const auto [sent, error, _] = attachment.endpoint->send({pointers.data(), count}, now);
    const bool refused = error != 0 && error != EAGAIN;
    if (refused && sent < count) {
      drop(frames[sent], drop_reason(error), frames[sent].frames());
    } else if (refused) {
      counters[drop_reason(error)]++;  // the rest of a frame that the endpoint has sent in part
    }
    attachment.queue.drop_front(sent);
    if (error == EAGAIN) return;
    if (refused && !attachment.queue.empty()) attachment.queue.drop_front(1);
  } while (!attachment.queue.empty());
  attachment.service.waiting = false;
}

void Port::drop_queued(Attachment& attachment) {
  std::array<Frame, kBatch> frames;
  while (const uint32_t count = attachment.queue.peek(frames)) {
    for (const Frame& frame : std::span(frames).first(count)) {
      drop(frame, transmit_drop_closed, frame.frames() - std::exchange(attachment.segments_sent, 0));
    }
    attachment.queue.drop_front(count);
  }
}

// Sends the remaining segments of a frame that was queued before its endpoint lost an offload, which is rare.
// Returns false if the endpoint has no room for all of them.
bool Port::drain_segmented(Attachment& attachment, const Frame& frame, Time now) {
  static thread_local Segmenter segmenter;
  segmenter.start(frame);
  for (uint32_t i = 0; Frame* segment = segmenter.next(); i++) {
    if (i < attachment.segments_sent) continue;
    const auto [sent, error, _] = attachment.endpoint->send({&segment, 1}, now);
    const bool refused = error != 0 && error != EAGAIN;
    if (refused) drop(*segment, drop_reason(error), 1);
    if (sent == 1 || refused) attachment.segments_sent++;
    if (error == EAGAIN) return false;
  }
  attachment.segments_sent = 0;
  return true;
}

Counter Port::drop_reason(int error) const {
  switch (error) {
    case ECONNREFUSED:  // the peer has closed its socket; the kernel then disconnects ours
    case ENOTCONN:      // our socket was disconnected earlier
    case ECONNRESET:
    case EPIPE:
    case ENOENT:  // no socket has the peer's name
      return transmit_drop_peer_gone;
    case EMSGSIZE:
      return transmit_drop_too_long;
    case EIO:  // a TAP that is down
    case EBADFD:
      return transmit_drop_interface_down;
    case ENOBUFS:
      return mirror_target ? transmit_drop_mirror : transmit_drop_queue_full;
    default:
      return transmit_drop_error;
  }
}

void Port::count_received(const Frame& frame) {
  counters[receive_bytes] += frame.bytes();
  counters[receive_unicast + static_cast<uint32_t>(frame.cast)] += frame.frames();
}

void Port::count_transmitted(const Frame& frame) {
  counters[transmit_bytes] += frame.bytes();
  counters[transmit_unicast + static_cast<uint32_t>(frame.cast)] += frame.frames();
}

Counters Port::snapshot() const {
  Counters all = counters;
  for (const auto& attachment : attachments) {
    all[queue_frames] += attachment->queue.frames();
    all[queue_bytes] += attachment->queue.bytes();
    all[queue_limit] += attachment->queue.limit();
  }
  return all;
}

}  // namespace tsvde
