// What moves frames for a port: the one interface between the switch and the kernel. Loop thread only. No
// call blocks. An endpoint never reads a clock: the time is passed to it. An endpoint that cannot move
// several frames in one call moves one.
#pragma once

#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "engine/batch.h"
#include "engine/counters.h"
#include "engine/fd.h"
#include "engine/frame.h"
#include "engine/time.h"

namespace tsvde {

struct Moved {
  uint32_t frames;       // how many, in order
  int error;             // why not more: 0, or an errno; EAGAIN is "not now"
  uint32_t dropped = 0;  // received besides, but dropped by the endpoint itself
};

// A descriptor that an endpoint waits for. Each of its epoll events has one of three meanings; a descriptor
// is in an epoll set only once, so one watch may have several.
struct Watch {
  int fd = -1;
  uint32_t frames = 0;  // receive() has frames: not waited for while the endpoint is paused
  uint32_t room = 0;    // send() has room again: waited for only after an EAGAIN
  uint32_t other = 0;  // something that only woken() deals with, such as a control message: always waited for
};

class Endpoint {
 public:
  Endpoint() = default;
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;
  virtual ~Endpoint() = default;

  // Fills each frame's bytes and size, and the work that its offload leaves undone. A frame longer than its
  // room has its true size and truncated bytes.
  virtual Moved receive(std::span<Frame> frames, Time now) = 0;
  virtual Moved send(std::span<Frame* const> frames, Time now) = 0;

  // The offload work that may still be undone in the frames given to send(); all other offload work is done
  // before the call. Changes only while woken() runs.
  [[nodiscard]] Offloads offloads() const { return offloads_; }

  // The descriptors to wait for, each once. The list may change while the endpoint is attached.
  [[nodiscard]] std::span<const Watch> watches() const { return watches_; }
  // Called after each change of the list. The caller of the endpoint sets it.
  std::function<void()> on_watches_changed;
  // Called when a watch has fired, before receive() or send() if its events call for one of them. Events are
  // level-triggered: an eventfd, a timer or a control message must be read. Returns 0, or the errno that ends
  // the endpoint.
  [[nodiscard]] virtual int woken(int /* fd */, uint32_t /* events */, Time /* now */) { return 0; }
  // Called when more frames have been queued while the endpoint waits for room. The peer may have restarted.
  virtual void recheck(Time /* now */) {}

  // Whether frames are left that no descriptor reports, so that receive() must be called again.
  [[nodiscard]] virtual bool buffered() const { return false; }
  // Whether an error of receive() is final. A socket's error is reported once and then gone; a TAP without
  // its interface never works again.
  [[nodiscard]] virtual bool ends_with(int error) const { return error == EBADFD; }

  // Whether `now` must be exact. If not, it may be up to 10 ms behind: that clock is cheaper to read.
  [[nodiscard]] bool needs_exact_time() const { return needs_exact_time_; }

  // Where the endpoint counts what it drops itself: the counters of its port, which outlives it. Called once,
  // before anything else.
  virtual void count_in(Counters& counters) { counters_ = &counters; }

 protected:
  // Adds a watch, or replaces the one of the same descriptor.
  void watch(const Watch& wanted) {
    const auto same = [&](const Watch& watch) { return watch.fd == wanted.fd; };
    const auto found = std::ranges::find_if(watches_, same);
    if (found != watches_.end()) {
      *found = wanted;
    } else {
      watches_.push_back(wanted);
    }
    if (on_watches_changed) on_watches_changed();
  }
  // Must precede the closing of the descriptor: an epoll set keeps a closed one while any other process, such
  // as the peer that sent it or a child that is just being started, holds a duplicate.
  void unwatch(int fd) {
    std::erase_if(watches_, [fd](const Watch& watch) { return watch.fd == fd; });
    if (on_watches_changed) on_watches_changed();
  }
  [[nodiscard]] uint64_t& drops(Counter reason) const { return (*counters_)[reason]; }

  Offloads offloads_ = 0;
  bool needs_exact_time_ = false;

 private:
  std::vector<Watch> watches_;
  Counters* counters_ = nullptr;
};

}  // namespace tsvde
