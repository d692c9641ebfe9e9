// The loop's epoll set, with a registration for each watch of each endpoint. Loop thread only.
#pragma once

#include <sys/epoll.h>

#include <span>
#include <vector>

#include "engine/attachment.h"

namespace tsvde {

class WatchSet {
 public:
  // Throws std::bad_alloc, and std::system_error if there are no more descriptors.
  WatchSet() : epoll_(opened(epoll_create1(EPOLL_CLOEXEC), "epoll_create1")) {}

  struct Registration {
    Attachment* attachment = nullptr;  // null if the registration is not in use
    Watch watch{};
    uint32_t events = 0;      // the events that epoll was asked for; 0 if the descriptor is not in the set
    uint32_t generation = 0;  // incremented each time the registration is dropped
  };

  // Adds a descriptor that belongs to no endpoint. Its events have data 0. Returns false, with errno, if that
  // is impossible.
  [[nodiscard]] bool add(int fd) const;
  // Takes the memory for the registrations of so many endpoints. Throws std::bad_alloc.
  void reserve(size_t endpoints);
  // Updates the registrations to match the endpoint's watches. Returns 0, or an errno. After an error, call
  // remove().
  [[nodiscard]] int follow(Attachment& attachment);
  // Asks epoll for the events that the attachment waits for now, depending on whether it is paused and
  // whether it waits for room. Returns 0, or an errno.
  [[nodiscard]] int arm(const Attachment& attachment);
  void remove(Attachment& attachment);

  // Waits for events; parameters and result are those of epoll_wait(2).
  int wait(std::span<epoll_event> events, int timeout_ms) const;
  // Returns the registration that an event belongs to; null if it was removed after the event was reported.
  [[nodiscard]] const Registration* find(const epoll_event& event) const {
    const Registration& found = registrations_[event.data.u64 & 0xffff'ffff];
    return found.attachment != nullptr && found.generation == event.data.u64 >> 32 ? &found : nullptr;
  }

 private:
  [[nodiscard]] uint32_t make(Attachment& attachment);
  void drop(uint32_t index);
  [[nodiscard]] int ask(uint32_t index);

  Fd epoll_;
  std::vector<Registration> registrations_ = std::vector<Registration>(1);  // element 0 is never used
  std::vector<uint32_t> unused_;
};

}  // namespace tsvde
