#include "engine/watch_set.h"

#include <algorithm>
#include <cerrno>

#include "engine/room.h"

namespace tsvde {
namespace {

// Adds errors and hang-ups to the events of a watch, since epoll always reports them. They count as frames
// or, if the watch has no frames, as room: receive() or send() then returns the error itself.
Watch with_ends(Watch watch) {
  constexpr uint32_t kEnds = EPOLLERR | EPOLLHUP;
  if (watch.frames != 0) {
    watch.frames |= kEnds;
  } else if (watch.room != 0) {
    watch.room |= kEnds;
  }
  return watch;
}

}  // namespace

bool WatchSet::add(int fd) const {
  epoll_event event{.events = EPOLLIN, .data = {.u64 = 0}};
  return epoll_ctl(epoll_.number(), EPOLL_CTL_ADD, fd, &event) == 0;
}

int WatchSet::wait(std::span<epoll_event> events, int timeout_ms) const {
  return epoll_wait(epoll_.number(), events.data(), static_cast<int>(events.size()), timeout_ms);
}

void WatchSet::reserve(size_t endpoints) {
  ensure_room(registrations_, 1 + Endpoint::kWatchesMost * endpoints);
  ensure_room(unused_, registrations_.capacity());
}

int WatchSet::follow(Attachment& attachment) {
  auto& indices = attachment.service.registrations;
  const auto watches = attachment.endpoint->watches();
  std::erase_if(indices, [&](uint32_t index) {
    const bool stays =
        std::ranges::find(watches, registrations_[index].watch.fd, &Watch::fd) != watches.end();
    if (!stays) drop(index);
    return !stays;
  });
  for (const Watch& watch : watches) {
    const auto has_fd = [&](uint32_t index) { return registrations_[index].watch.fd == watch.fd; };
    auto found = std::ranges::find_if(indices, has_fd);
    if (found == indices.end()) found = indices.insert(found, make(attachment));
    registrations_[*found].watch = with_ends(watch);
  }
  return arm(attachment);
}

int WatchSet::arm(const Attachment& attachment) {
  for (const uint32_t index : attachment.service.registrations) {
    if (const int error = ask(index); error != 0) return error;
  }
  return 0;
}

void WatchSet::remove(Attachment& attachment) {
  for (const uint32_t index : attachment.service.registrations) drop(index);
  attachment.service.registrations.clear();
}

uint32_t WatchSet::make(Attachment& attachment) {
  if (unused_.empty()) {
    unused_.push_back(static_cast<uint32_t>(registrations_.size()));
    registrations_.emplace_back();
  }
  const uint32_t index = unused_.back();
  unused_.pop_back();
  registrations_[index].attachment = &attachment;
  return index;
}

void WatchSet::drop(uint32_t index) {
  const Registration& gone = registrations_[index];
  if (gone.events != 0) epoll_ctl(epoll_.number(), EPOLL_CTL_DEL, gone.watch.fd, nullptr);
  registrations_[index] = {.generation = gone.generation + 1};
  unused_.push_back(index);
}

int WatchSet::ask(uint32_t index) {
  Registration& registration = registrations_[index];
  const auto& [attachment, watch, before, generation] = registration;
  uint32_t events = watch.other;
  if (attachment->service.waiting) events |= watch.room;
  if (!attachment->pace.paused) events |= watch.frames;
  // A paused source stays in the set for errors and hang-ups. With EPOLLET, epoll reports these only once.
  if (events == 0 && watch.frames != 0) events = EPOLLET;
  if (events == before) return 0;
  const int change = before == 0 ? EPOLL_CTL_ADD : events == 0 ? EPOLL_CTL_DEL : EPOLL_CTL_MOD;
  epoll_event event{.events = events, .data = {.u64 = uint64_t{generation} << 32 | index}};
  if (epoll_ctl(epoll_.number(), change, watch.fd, &event) < 0) return errno;
  registration.events = events;
  return 0;
}

}  // namespace tsvde
