// The loop's thread: its rounds, and each endpoint's turn in them.
#include "engine/loop.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <system_error>
#include <utility>

#include "engine/room.h"
#include "engine/threads.h"

namespace tsvde {
namespace {

// The distance between two slots, each of which has room for the largest frame. It is an odd number of
// cache lines, so that the first bytes of the slots do not share a set of the cache. Pages that no frame
// reaches use no memory.
constexpr size_t kSlot = kFrameRoom + 24 * 64;
static_assert(kSlot / 64 % 2 == 1);

// How long ends wait that could not be reported for want of memory.
constexpr int kRetryMs = 100;

Time monotonic() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * kSecond + now.tv_nsec;
}

// Makes libc allocate the thread's copy of our thread_local variables, which it does at the first access to
// any of them. Without memory libc ends the process, so this must happen at the start.
void take_thread_locals() {
  static thread_local volatile int accesses;
  accesses = accesses + 1;
}

}  // namespace

Loop::Loop(uint32_t mac_limit, EventSink sink)
    : sink_(std::move(sink)),
      switch_(mac_limit, *this),
      captures_([this](uint32_t id) { report_capture_ended(id); }),
      wake_(opened(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd")),
      slab_(std::make_unique_for_overwrite<uint8_t[]>(kBatch * kSlot)) {
  empty_slots(kBatch);
  read_clock();
  for (const int fd : {wake_.number(), captures_.fd()}) {
    if (!watches_.add(fd)) throw std::system_error(errno, std::generic_category(), "epoll_ctl");
  }
  {
    const BlockedSignals blocked;
    thread_ = std::thread([this] { run(); });
  }
  pthread_setname_np(thread_.native_handle(), "tsvde-engine");
  post([] {});  // returns when the thread has all memory that it needs
}

void Loop::run() {
  take_thread_locals();
  std::array<epoll_event, kBatch> events;
  while (!stopping_) {
    const int count = wait(events);
    read_clock();
    switch_.macs.expire(second_);
    bool woken = false;
    for (const epoll_event& event : std::span(events).first(static_cast<size_t>(std::max(count, 0)))) {
      if (event.data.u64 == 0) {
        woken = true;
      } else if (const auto* registration = watches_.find(event)) {
        serve(*registration, event.events);
      }
    }
    if (!pacing_.idle()) resume(pacing_.overdue(monotonic_ms()));
    if (!ready_.empty()) serve_ready();
    if (queue_memory_.has_idle()) [[unlikely]]
      sweep_queues();
    if (has_unreported()) [[unlikely]]
      report_ends();
    if (!woken) continue;
    run_posted();
    captures_.serve();
  }
}

int64_t Loop::monotonic_ms() {
  return monotonic() / kMillisecond;
}

void Loop::read_clock() {
  timespec read{};
  clock_gettime(exact_ > 0 ? CLOCK_MONOTONIC : CLOCK_MONOTONIC_COARSE, &read);
  const Time now = read.tv_sec * kSecond + read.tv_nsec;
  if (now <= now_) return;  // the coarse clock may be behind the exact clock, which was read last time
  now_ = now;
  second_ = read.tv_sec;
}

int Loop::wait(std::span<epoll_event> events) {
  if (!ready_.empty()) return watches_.wait(events, 0);
  if (busy_poll_.is_on() && pacing_.idle()) return look_and_sleep(events);
  return watches_.wait(events, patience_ms());
}

int Loop::look_and_sleep(std::span<epoll_event> events) {
  if (busy_poll_.begin(monotonic())) {
    do {
      if (const int count = watches_.wait(events, 0); count != 0) {
        busy_poll_.found();
        return count;
      }
    } while (busy_poll_.goes_on(monotonic()));
  }
  const int count = watches_.wait(events, patience_ms());
  busy_poll_.woken(monotonic());
  return count;
}

// Returns how long the thread may sleep: until the next pause is overdue, ends can be reported again, or
// empty queues give memory back; otherwise for ever.
int Loop::patience_ms() const {
  if (!pacing_.idle()) return pacing_.patience_ms(monotonic_ms());
  if (has_unreported()) return kRetryMs;
  return queue_memory_.has_idle() ? 1000 : -1;
}

void Loop::sweep_queues() {
  if (second_ == swept_at_) return;
  swept_at_ = second_;
  queue_memory_.sweep();
}

void Loop::run_posted() {
  eventfd_t ignored = 0;
  eventfd_read(wake_.number(), &ignored);
  Posted* posted = nullptr;
  {
    const std::lock_guard lock(mutex_);
    posted = std::exchange(posted_, nullptr);
    last_ = &posted_;
  }
  while (posted != nullptr) {
    Posted& one = *std::exchange(posted, posted->next);
    try {
      one.run(one.action);
    } catch (const std::bad_alloc&) {
      one.out_of_memory = true;
    }
    if (one.awaited) one.done.release();  // the waiting thread may then end the life of `one`
  }
}

void Loop::serve(const WatchSet::Registration& registration, uint32_t events) {
  Attachment& attachment = *registration.attachment;
  const Watch watch = registration.watch;  // a copy, since woken() may change the watches
  if (const int error = attachment.endpoint->woken(watch.fd, events, now_);
      error != 0 && !attachment.service.ended)
    end(attachment, error);
  if (attachment.service.ended) return;
  if ((events & watch.room) != 0 && attachment.service.waiting) drain(attachment);
  // A paused source is not read even if it has ended, so that the frames that it sent before its end are not
  // dropped.
  if ((events & watch.frames) != 0 && !attachment.pace.paused && !attachment.service.ended) read(attachment);
}

void Loop::drain(Attachment& attachment) {
  attachment.port.drain(attachment, now_);
  if (!attachment.service.waiting) rearm(attachment);
  if (!pacing_.idle() || attachment.pace.stalled) resume(pacing_.drained(attachment));
}

void Loop::read(Attachment& attachment) {
  do {
    if (pacing_.should_pause(attachment)) {
      pacing_.pause(attachment, monotonic_ms());
      return rearm(attachment);
    }
    receive(attachment);
  } while (attachment.endpoint->buffered() && !attachment.service.ended);
}

void Loop::resume(std::span<Attachment* const> sources) {
  for (Attachment* source : sources) {
    rearm(*source);
    const bool ready = std::exchange(source->service.ready, false);
    if (ready) std::erase(ready_, source);  // each endpoint is in the list at most once
    if ((ready || source->endpoint->buffered()) && !source->service.ended) read(*source);
  }
}

// An endpoint that is still ready after its turn waits for the next round. A paused endpoint keeps
// service.ready, and resume() gives it the turn.
void Loop::serve_ready() {
  const auto count = static_cast<std::ptrdiff_t>(ready_.size());
  for (std::ptrdiff_t i = 0; i < count; i++) {
    Attachment& attachment = *ready_[static_cast<size_t>(i)];
    if (attachment.pace.paused) continue;
    attachment.service.ready = false;
    if (!attachment.service.ended) read(attachment);
  }
  ready_.erase(ready_.begin(), ready_.begin() + count);
}

void Loop::receive(Attachment& attachment) {
  const uint32_t asked = Pacing::batch(attachment);
  const auto [frames, error, dropped] = attachment.endpoint->receive({batch_.data(), asked}, now_);
  if (error != 0 && error != EAGAIN) {
    if (error != EPIPE)
      attachment.port.counters[error == EBADMSG ? receive_drop_bad_length : receive_drop_error]++;
    if (attachment.endpoint->ends_with(error)) end(attachment, error);
  }
  switch_.route(attachment.port, {batch_.data(), frames}, now_);
  attachment.service.batch = next_batch(asked, frames + dropped);
  Pacing::sent(attachment, {batch_.data(), frames}, switch_.touched());
  flush_touched();
  if (attachment.endpoint->lends()) take_back(*attachment.endpoint, frames);
  empty_slots(frames);  // only those that were filled, since most batches are small
}

void Loop::take_back(Endpoint& endpoint, uint32_t frames) {
  endpoint.take_back();
  for (Frame& frame : std::span(batch_).first(frames)) {
    frame.part_count = 1;
    frame.list = nullptr;
    frame.borrowed = false;
  }
}

void Loop::empty_slots(uint32_t count) {
  for (uint32_t i = 0; i < count; i++) {
    batch_[i].parts[0] = {&slab_[i * kSlot], kFrameRoom};
    batch_[i].offload = {};
  }
}

void Loop::flush_touched() {
  flush(switch_.touched());
  if (!switch_.observed) [[likely]]
    return;
  flush(switch_.copied_to());
  captures_.flush();
}

void Loop::flush(std::vector<Port*>& ports) {
  for (Port* port : ports) {
    if (!port->transmit(now_)) continue;
    for (auto& attachment : port->attachments) rearm(*attachment);
  }
  ports.clear();
}

int Loop::add(Switch& sw, std::unique_ptr<Attachment>& made) {
  Attachment& attachment = *made;
  Port& port = attachment.port;
  ensure_room(port.attachments, port.attachments.size() + 1);
  pacing_.reserve(endpoints_ + 1);
  ensure_room(ready_, 2 * (endpoints_ + 1));
  watches_.reserve(endpoints_ + 1);
  if (const int error = watches_.follow(attachment); error != 0) {
    watches_.remove(attachment);
    return error;
  }
  if (attachment.endpoint->needs_exact_time()) exact_++;
  endpoints_++;
  port.attachments.push_back(std::move(made));
  sw.update_active(port);
  return 0;
}

void Loop::rearm(Attachment& attachment) {
  if (attachment.service.ended) return;
  if (const int error = watches_.arm(attachment); error != 0) end(attachment, error);
}

void Loop::end(Attachment& attachment, int error) {
  attachment.service.ended = true;
  watches_.remove(attachment);
  report_end(attachment, error);
}

}  // namespace tsvde
