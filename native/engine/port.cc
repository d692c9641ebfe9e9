#include "engine/port.h"

#include <cerrno>

#include "engine/offload/coalescer.h"
#include "engine/offload/segmenter.h"

namespace tsvde {
namespace {

Counter drop_reason(int error) {
  switch (error) {
    case ECONNREFUSED:  // the peer has closed its socket; the kernel disconnects ours,
    case ENOTCONN:      // and says so from then on
    case ECONNRESET:
    case EPIPE:
    case ENOENT:  // there is no socket by its name yet, or any more
      return transmit_drop_peer_gone;
    case EMSGSIZE:
      return transmit_drop_too_long;
    case EIO:  // a TAP that is down
    case EBADFD:
      return transmit_drop_interface_down;
    case ENOBUFS:
      return transmit_drop_queue_full;
    default:
      return transmit_drop_error;
  }
}

}  // namespace

Attachment::Attachment(Port& port, uint32_t id, std::unique_ptr<Endpoint> endpoint, uint32_t queue_limit)
    : port(port), id(id), endpoint(std::move(endpoint)), queue(queue_limit) {
  this->endpoint->counters = &port.counters;
}

Offloads Port::offloads() const {
  Offloads all = kCompletesChecksums | kCutsTcp | kCutsUdp;
  for (const auto& attachment : attachments) all &= attachment->endpoint->offloads();
  return all;
}

bool Port::transmit() {
  static thread_local Coalescer coalescer;
  const Offloads able = offloads();
  if ((outgoing_needs & ~able) != 0) return transmit_finished();
  if (outgoing_count > 1 && (able & kCutsTcp) != 0) {
    outgoing_count = coalescer.join({outgoing.data(), outgoing_count});
  }
  return transmit_list();
}

// For a port that has an endpoint without offloads: as many frames as are on the wire, a batch at a time.
bool Port::transmit_finished() {
  static thread_local Segmenter segmenter;
  const auto given = outgoing;
  const uint32_t given_count = std::exchange(outgoing_count, 0);
  bool begun = false;
  const auto pass_on = [&](Frame* frame) {
    outgoing[outgoing_count++] = frame;
    if (outgoing_count == kBatch) begun |= transmit_list();
  };
  for (Frame* frame : std::span(given).first(given_count)) {
    if (!frame->offload.any()) {
      pass_on(frame);
      continue;
    }
    segmenter.start(*frame);
    while (Frame* finished = segmenter.next()) pass_on(finished);
  }
  begun |= transmit_list();
  return begun;
}

bool Port::transmit_list() {
  // A frame counts once, however many endpoints take it; a drop counts for each that does not.
  Mask taken = 0;
  bool begun = false;
  for (auto& attachment : attachments) {
    const bool waited = attachment->waiting;
    taken |= send(*attachment);
    begun |= attachment->waiting != waited;
  }
  for (uint32_t i = 0; i < outgoing_count; i++) {
    if ((taken >> i & 1) != 0) count_transmitted(*outgoing[i]);
  }
  outgoing_count = 0;
  outgoing_needs = 0;
  return begun;
}

Port::Mask Port::send(Attachment& attachment) {
  if (attachment.waiting) {
    if (outgoing_count > 0) attachment.endpoint->look_again();
    return enqueue(attachment, 0);  // behind what waits already: order is kept
  }
  Mask taken = 0;
  for (uint32_t next = 0; next < outgoing_count;) {
    const auto [frames, error, _] = attachment.endpoint->send({&outgoing[next], outgoing_count - next});
    for (uint32_t i = 0; i < frames; i++) taken |= Mask{1} << next++;
    if (error == EAGAIN) return taken | enqueue(attachment, next);
    if (error != 0) {
      counters[drop_reason(error)] += outgoing[next]->frames();
      next++;
    }
  }
  return taken;
}

Port::Mask Port::enqueue(Attachment& attachment, uint32_t from) {
  attachment.waiting = true;
  Mask taken = 0;
  for (uint32_t i = from; i < outgoing_count; i++) {
    if (attachment.queue.push(*outgoing[i])) {
      taken |= Mask{1} << i;
    } else {
      counters[transmit_drop_queue_full] += outgoing[i]->frames();
    }
  }
  return taken;
}

void Port::drain(Attachment& attachment) {
  std::array<Frame, kBatch> frames;
  std::array<Frame*, kBatch> pointers;
  // Once at least: what waits may be the rest of a frame, within the endpoint.
  do {
    const uint32_t count = attachment.queue.peek(frames);
    for (uint32_t i = 0; i < count; i++) pointers[i] = &frames[i];
    const auto [sent, error, _] = attachment.endpoint->send({pointers.data(), count});
    attachment.queue.drop_front(sent);
    if (error == EAGAIN) return;
    if (error != 0) {
      counters[drop_reason(error)] += sent < count ? frames[sent].frames() : 1;
      if (!attachment.queue.empty()) attachment.queue.drop_front(1);
    }
  } while (!attachment.queue.empty());
  attachment.waiting = false;
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
