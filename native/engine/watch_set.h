// The epoll set of the loop, with a registration for each watch of each endpoint. Loop thread only.
#pragma once

#include <sys/epoll.h>

#include <span>
#include <vector>

#include "engine/attachment.h"

namespace tsvde {

class WatchSet {
 public:
  WatchSet() : epoll_(epoll_create1(EPOLL_CLOEXEC)) {}

  struct Registration {
    Attachment* attachment = nullptr;  // null: not in use
    Watch watch{};
    uint32_t events = 0;      // that epoll was asked for; 0: not in the set
    uint32_t generation = 0;  // increases each time that this element of the table is used again
  };

  // Adds a descriptor that belongs to no endpoint. The data of its events is 0.
  void add(int fd) const;
  // Brings the registrations into line with the watches of the endpoint. Returns 0, or an errno.
  [[nodiscard]] int follow(Attachment& attachment);
  // Asks epoll for the events that the attachment waits for now: it may be paused, or wait for room. Returns
  // 0, or an errno.
  [[nodiscard]] int arm(const Attachment& attachment);
  void remove(Attachment& attachment);

  // Waits for events; parameters and result are those of epoll_wait(2).
  int wait(std::span<epoll_event> events, int timeout_ms) const;
  // The registration that an event belongs to; null if it was removed after the event was reported.
  [[nodiscard]] const Registration* find(const epoll_event& event) const {
    const Registration& found = registrations_[event.data.u64 & 0xffff'ffff];
    return found.attachment != nullptr && found.generation == event.data.u64 >> 32 ? &found : nullptr;
  }

 private:
  [[nodiscard]] uint32_t make(Attachment& attachment);
  void drop(uint32_t index);
  [[nodiscard]] int ask(uint32_t index);

  Fd epoll_;
  std::vector<Registration> registrations_ = std::vector<Registration>(1);  // the first one is never used
  std::vector<uint32_t> unused_;
};

}  // namespace tsvde
