// The captures of a switch, and the epoll set of their outputs. Loop thread only.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "engine/capture/capture.h"
#include "engine/counters.h"

namespace tsvde {

class Captures {
 public:
  // `ended` is called once for each capture that ends before it is removed, and again if it throws
  // std::bad_alloc.
  explicit Captures(std::function<void(uint32_t id)> ended);

  // The descriptor to poll. The caller must call serve() when it is readable.
  [[nodiscard]] int fd() const { return epoll_.number(); }
  void serve();

  // Makes a capture to a regular file, a pipe or a stream socket, in any thread. Returns 0, or an errno:
  // EINVAL if the descriptor is not a regular file, a pipe or a socket. Throws std::bad_alloc.
  [[nodiscard]] int make(CaptureSettings settings, Fd fd, std::unique_ptr<Capture>& made) const;
  // Begins a capture. Returns 0, or an errno. Throws std::bad_alloc. After a failure, the caller still has
  // it.
  [[nodiscard]] int add(uint32_t id, std::unique_ptr<Capture>& made);
  // Returns null if there is no such capture.
  [[nodiscard]] Capture* find(uint32_t id);
  // Finishes a capture and removes it. Bytes that a pipe or a socket does not accept at once are discarded.
  // If the output is a file, this call blocks until everything is written. If the capture has already ended,
  // the call discards nothing and does not block.
  void remove(uint32_t id);
  void remove_all();

  // Returns whether a capture has ended for which `ended` must be called.
  [[nodiscard]] bool has_unreported() const {
    return std::ranges::any_of(captures_, [](const Numbered& one) { return one.is_unreported(); });
  }
  void report_ends();

  [[nodiscard]] bool empty() const { return captures_.empty(); }
  [[nodiscard]] bool wants(uint32_t port, bool received) const;
  // Captures a frame, which must not need segmentation. flush() is to be called after each batch.
  void take(uint32_t port, const Frame& frame, bool received);
  // Passes what was captured to the outputs. The next frame gets a new time.
  void flush();
  // Returns whether a capture wants dropped frames.
  [[nodiscard]] bool want_drops() const;
  // Captures a dropped frame, and flushes.
  void take_dropped(uint32_t port, const Frame& frame, Counter reason);

 private:
  struct Numbered {
    uint32_t id;
    std::unique_ptr<Capture> capture;
    [[nodiscard]] bool is_unreported() const { return capture->output().ended() && !capture->end_reported; }
  };

  void close(Capture& capture) const;

  const std::function<void(uint32_t)> ended_;
  Fd epoll_;
  std::vector<Numbered> captures_;
  WallClock clock_;
};

}  // namespace tsvde
