// The functions of the loop that other threads call. Most of them are a task for the loop's thread.
#include <pthread.h>
#include <sched.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "engine/loop.h"

namespace tsvde {

void Loop::hand_over(Posted& posted) {
  posted.next = nullptr;
  {
    const std::lock_guard lock(mutex_);
    *last_ = &posted;
    last_ = &posted.next;
  }
  eventfd_write(wake_.number(), 1);
}

void Loop::wait_for(Posted& posted) noexcept {
  std::chrono::seconds waited{0};
  while (!posted.done.try_acquire_for(kPatience)) {
    waited += kPatience;
    if (on_long_wait) on_long_wait(waited);
  }
}

std::optional<int64_t> Loop::unanswered_ms() {
  constexpr int64_t kIntervalMs = 1000;
  const int64_t now = monotonic_ms();
  if (!thread_.joinable()) return std::nullopt;
  if (!answered_) return now - asked_ms_;
  if (now - asked_ms_ < kIntervalMs) return std::nullopt;
  asked_ms_ = now;
  answered_ = false;
  hand_over(question_);
  return 0;
}

void Loop::stop() {
  if (!thread_.joinable()) return;
  post([this] { stopping_ = true; });
  thread_.join();
  captures_.remove_all();
  update_observed();
  for (const Port* port : switch_.ports()) switch_.remove_port(port->number);
}

int Loop::attach(uint32_t number, uint32_t id, std::unique_ptr<Endpoint> endpoint, uint32_t queue_limit) {
  const auto find = [number](Switch& sw, int64_t) { return sw.port(number); };
  Port* const port = call(find);
  if (port == nullptr) return ENXIO;
  // Made in this thread, so that the engine's thread allocates none of it.
  auto made = std::make_unique<Attachment>(*port, id, std::move(endpoint), queue_limit, queue_memory_);
  if (!made->queue.is_valid()) return ENOMEM;
  made->endpoint->on_watches_changed = [this, &attached = *made] {
    if (attached.service.ended) return;
    if (const int error = watches_.follow(attached); error != 0) end(attached, error);
  };
  made->endpoint->on_ready = [this, &attached = *made] {
    if (!std::exchange(attached.service.ready, true)) ready_.push_back(&attached);
  };
  made->endpoint->on_notice = [this, number, id](const char* text) {
    sink_({.kind = Event::Kind::endpoint_notice, .port = number, .endpoint = id, .text = text});
  };
  return call([&](Switch& sw, int64_t now) { return find(sw, now) == port ? add(sw, made) : ENXIO; });
}

void Loop::detach(uint32_t number, uint32_t id) {
  call([&](Switch& sw, int64_t) {
    Port* port = sw.port(number);
    if (port == nullptr) return;
    const auto has_id = [&](const std::unique_ptr<Attachment>& attachment) { return attachment->id == id; };
    const auto found = std::ranges::find_if(port->attachments, has_id);
    if (found == port->attachments.end()) return;
    port->drop_queued(**found);
    const auto paused = pacing_.forget(**found, sw.ports());
    watches_.remove(**found);
    std::erase(ready_, found->get());
    if ((*found)->endpoint->needs_exact_time()) exact_--;
    if ((*found)->service.unreported != 0) unreported_--;
    port->attachments.erase(found);
    endpoints_--;
    sw.update_active(*port);
    resume(paused);
  });
}

int Loop::send(uint32_t number, std::span<uint8_t> bytes) {
  return call([&](Switch& sw, int64_t) {
    Port* port = sw.port(number);
    if (port == nullptr) return ENXIO;
    Frame frame;
    frame.parts[0] = {bytes.data(), bytes.size()};
    frame.set_cast();
    sw.send(*port, frame);
    flush_touched();
    return 0;
  });
}

void Loop::set_frame_events(bool wanted) {
  call([&](Switch&, int64_t) {
    frame_events_ = wanted;
    update_observed();
  });
}

int Loop::add_capture(uint32_t id, CaptureSettings settings, Fd output) {
  std::unique_ptr<Capture> made;
  if (const int error = captures_.make(std::move(settings), std::move(output), made); error != 0)
    return error;
  return call([&](Switch&, int64_t) {
    const int error = captures_.add(id, made);
    update_observed();
    return error;
  });
}

void Loop::remove_capture(uint32_t id) {
  call([&](Switch&, int64_t) {
    captures_.remove(id);
    update_observed();
  });
}

int Loop::add_mirror(uint32_t id, MirrorSettings settings, uint32_t to) {
  return call([&](Switch& sw, int64_t) {
    Port* port = sw.port(to);
    if (port == nullptr) return ENXIO;
    sw.add_mirror(id, std::move(settings), *port);
    update_observed();
    // Resume the sources that wait for this port: no source waits for the target of a mirror.
    for (const auto& attachment : port->attachments) {
      resume(pacing_.forget(*attachment, sw.ports()));
      rearm(*attachment);
    }
    return 0;
  });
}

void Loop::remove_mirror(uint32_t id) {
  call([&](Switch& sw, int64_t) {
    sw.remove_mirror(id);
    update_observed();
  });
}

void Loop::set_pacing(uint32_t bound_ms) {
  call([&](Switch&, int64_t) { pacing_.bound_ms = bound_ms; });
}

void Loop::set_queue_memory(uint64_t bytes) {
  call([&](Switch&, int64_t) { queue_memory_.limit = bytes; });
}

void Loop::set_busy_poll(const BusyPoll& busy_poll) {
  call([&](Switch&, int64_t) { busy_poll_ = busy_poll; });
}

int Loop::place_on_cpu(uint32_t cpu) {
  if (cpu >= CPU_SETSIZE) return EINVAL;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(cpu, &one);
  return call([&](Switch&, int64_t) { return pthread_setaffinity_np(pthread_self(), sizeof one, &one); });
}

void Loop::watch_macs(bool wanted) {
  call([&](Switch& sw, int64_t) {
    if (!wanted) {
      sw.macs.observer = nullptr;
      return;
    }
    sw.macs.observer = [this](MacKey key, MacTable::Change change, uint32_t port, uint32_t previous) {
      sink_({.kind = Event::Kind::mac_changed,
             .port = port,
             .key = key,
             .change = change,
             .elsewhere = previous});
    };
  });
}

}  // namespace tsvde
