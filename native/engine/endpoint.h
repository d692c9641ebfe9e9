// An endpoint moves frames for a port. This is the only interface between the switch and the kernel. Loop
// thread only. No call blocks. An endpoint never reads a clock: the time is passed to it. A call may move
// fewer frames than it is given.
#pragma once

#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "engine/batch.h"
#include "engine/counters.h"
#include "engine/fd.h"
#include "engine/frame.h"
#include "engine/time.h"

namespace tsvde {

struct Moved {
  uint32_t frames;       // how many of the given frames were moved, starting with the first
  int error;             // why no more were moved: 0 or an errno; EAGAIN: none can be moved at present
  uint32_t dropped = 0;  // frames received but dropped by the endpoint, besides `frames`
};

// A descriptor that an endpoint waits for. Each epoll event of the descriptor has one of three meanings. An
// epoll set contains a descriptor only once, so one watch may have events of several meanings.
struct Watch {
  int fd = -1;
  uint32_t frames = 0;  // receive() has frames; not waited for while the endpoint is paused
  uint32_t room = 0;    // send() has room again; waited for only after an EAGAIN
  uint32_t other = 0;   // handled by woken(), such as a control message; always waited for
};

class Endpoint {
 public:
  // The most watches that an endpoint may have. Memory for so many is taken when the endpoint is attached, so
  // that watch() needs none.
  static constexpr size_t kWatchesMost = 4;

  Endpoint() { watches_.reserve(kWatchesMost); }
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;
  virtual ~Endpoint() = default;

  // Fills in each frame's bytes and size, and the offload work that is left undone. A frame longer than its
  // buffer gets its true size, and truncated bytes.
  virtual Moved receive(std::span<Frame> frames, Time now) = 0;
  virtual Moved send(std::span<Frame* const> frames, Time now) = 0;

  // The offload work that send() accepts undone in its frames, and whether it accepts borrowed frames. Other
  // work is done before the call, and borrowed frames that are not accepted are gathered. The value changes
  // only while woken() runs.
  [[nodiscard]] Offloads offloads() const { return offloads_; }

  // The descriptors to wait for, each of them once. The list may change while the endpoint is attached.
  [[nodiscard]] std::span<const Watch> watches() const { return watches_; }
  // Called after each change of the list. The owner of the endpoint sets it.
  std::function<void()> on_watches_changed;
  // Called when a watch has fired, before the receive() or send() that its events may call for. Events are
  // level-triggered, so woken() must read an eventfd, a timer or a control message. Returns 0, or the errno
  // that ends the endpoint.
  [[nodiscard]] virtual int woken(int /* fd */, uint32_t /* events */, Time /* now */) { return 0; }
  // Called when more frames are to be sent while the endpoint waits for room. If the peer has restarted, the
  // watched descriptor may never report room, and the endpoint must arrange for another attempt to send.
  virtual void recheck(Time /* now */) {}

  // Returns whether the last receive() has lent frames. take_back() must then be called when these frames
  // have been sent or copied, before the next receive() of any endpoint. It makes the frames' parts invalid.
  [[nodiscard]] bool lends() const { return lends_; }
  virtual void take_back() {}

  // Returns whether frames remain that no descriptor reports, so that receive() must be called again in this
  // turn.
  [[nodiscard]] virtual bool buffered() const { return false; }
  // Called by the endpoint if frames may remain that no descriptor reports, but other endpoints are to have
  // their turn before receive() is called again. The owner of the endpoint sets it.
  std::function<void()> on_ready;
  // Returns whether an error of receive() is final. A socket reports an error once and then works again; a
  // TAP without its interface never works again.
  [[nodiscard]] virtual bool ends_with(int error) const { return error == EBADFD; }

  // The reason for which an endpoint has ended: a name for a counter and a sentence for the log, both static.
  struct EndReason {
    const char* name = nullptr;
    const char* text = nullptr;
  };
  // Returns the reason if there is more to say about the end than the errno; both texts are null if not.
  [[nodiscard]] virtual EndReason end_reason() { return {}; }
  // Called at most once, with a static sentence for the log. The owner of the endpoint sets it.
  std::function<void(const char*)> on_notice;

  // Describes a guest whose memory the endpoint accesses.
  struct GuestState {
    uint64_t features;      // that its driver accepted; 0 while it has no driver
    uint64_t memory_bytes;  // mapped
  };
  [[nodiscard]] virtual std::optional<GuestState> guest() const { return std::nullopt; }

  // Whether `now` must be exact. If not, `now` may be up to 10 ms behind, since it is then read from a
  // cheaper clock.
  [[nodiscard]] bool needs_exact_time() const { return needs_exact_time_; }

  // Sets the counters in which the endpoint counts what only it knows, such as the frames that it drops
  // itself. They belong to its port, which outlives the endpoint. Called once, before any other function.
  virtual void count_in(Counters& counters) { counters_ = &counters; }

 protected:
  // Adds a watch, or replaces the watch of the same descriptor.
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
  // Removes a watch. Call it before closing the descriptor: an epoll set keeps a closed descriptor while any
  // other process has a duplicate, such as the peer that sent it or a child that is just being started.
  void unwatch(int fd) {
    std::erase_if(watches_, [fd](const Watch& watch) { return watch.fd == fd; });
    if (on_watches_changed) on_watches_changed();
  }
  [[nodiscard]] uint64_t& counter(Counter which) const { return (*counters_)[which]; }

  Offloads offloads_ = 0;
  bool lends_ = false;
  bool needs_exact_time_ = false;

 private:
  std::vector<Watch> watches_;
  Counters* counters_ = nullptr;
};

}  // namespace tsvde
