#include "engine/capture/captures.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <new>
#include <string_view>

#include "engine/room.h"

namespace tsvde {

Captures::Captures(std::function<void(uint32_t)> ended)
    : ended_(std::move(ended)), epoll_(opened(epoll_create1(EPOLL_CLOEXEC), "epoll_create1")) {}

int Captures::make(CaptureSettings settings, Fd fd, std::unique_ptr<Capture>& made) const {
  struct stat found {};
  if (fstat(fd.number(), &found) < 0) return errno;
  std::unique_ptr<Output> output;
  if (S_ISREG(found.st_mode)) {
    auto file = std::make_unique<FileOutput>(std::move(fd));
    if (const int error = file->start(); error != 0) return error;
    output = std::move(file);
  } else if (S_ISFIFO(found.st_mode) || S_ISSOCK(found.st_mode)) {
    output = std::make_unique<StreamOutput>(std::move(fd), epoll_.number());
  } else {
    return EINVAL;
  }
  made = std::make_unique<Capture>(std::move(settings), std::move(output));
  return 0;
}

int Captures::add(uint32_t id, std::unique_ptr<Capture>& made) {
  ensure_room(captures_, captures_.size() + 1);
  Output& output = made->output();
  epoll_event event = output.watch();
  event.data.ptr = &output;
  if (epoll_ctl(epoll_.number(), EPOLL_CTL_ADD, output.watched(), &event) < 0) return errno;
  captures_.push_back({id, std::move(made)});
  return 0;
}

Capture* Captures::find(uint32_t id) {
  const auto found = std::ranges::find(captures_, id, &Numbered::id);
  return found == captures_.end() ? nullptr : found->capture.get();
}

void Captures::remove(uint32_t id) {
  const auto found = std::ranges::find(captures_, id, &Numbered::id);
  if (found == captures_.end()) return;
  close(*found->capture);
  captures_.erase(found);
}

void Captures::remove_all() {
  for (const auto& [id, capture] : captures_) close(*capture);
  captures_.clear();
}

void Captures::close(Capture& capture) const {
  capture.finish();
  (void)capture.output().woken(0);
  // Remove the descriptor explicitly: close() is not enough while another process holds a duplicate.
  epoll_ctl(epoll_.number(), EPOLL_CTL_DEL, capture.output().watched(), nullptr);
}

void Captures::serve() {
  if (captures_.empty()) return;
  std::array<epoll_event, 16> events;
  const int count = epoll_wait(epoll_.number(), events.data(), events.size(), 0);
  for (const epoll_event& event : std::span(events).first(static_cast<size_t>(std::max(count, 0)))) {
    const auto is_ready = [&](const Numbered& one) { return &one.capture->output() == event.data.ptr; };
    const auto found = std::ranges::find_if(captures_, is_ready);
    if (found == captures_.end()) continue;
    Capture& capture = *found->capture;
    if (capture.output().woken(event.events)) capture.finish();
  }
  report_ends();
}

void Captures::report_ends() {
  for (const Numbered& one : captures_) {
    if (!one.is_unreported()) continue;
    try {
      ended_(one.id);
    } catch (const std::bad_alloc&) {
      return;
    }
    one.capture->end_reported = true;
  }
}

bool Captures::wants(uint32_t port, bool received) const {
  const auto wants = [&](const Numbered& one) { return one.capture->wants(port, received); };
  return std::ranges::any_of(captures_, wants);
}

void Captures::take(uint32_t port, const Frame& frame, bool received) {
  for (const auto& [id, capture] : captures_) {
    if (capture->wants(port, received)) capture->take(port, frame, received, clock_, {});
  }
}

void Captures::flush() {
  clock_.reset();
  for (const auto& [id, capture] : captures_) capture->flush();
}

bool Captures::want_drops() const {
  return std::ranges::any_of(captures_, [](const Numbered& one) { return one.capture->wants_drops(); });
}

void Captures::take_dropped(uint32_t port, const Frame& frame, Counter reason) {
  const bool received = reason < transmit_bytes;
  std::array<char, 64> comment;
  constexpr std::string_view kDropped = "dropped: ";
  const std::string_view name = drop_reason_of(reason);
  char* const end = std::ranges::copy(name, std::ranges::copy(kDropped, comment.begin()).out).out;
  for (const auto& [id, capture] : captures_) {
    if (capture->wants_drops() && capture->wants(port, received))
      capture->take(port, frame, received, clock_, {comment.data(), end});
  }
  flush();
}

}  // namespace tsvde
