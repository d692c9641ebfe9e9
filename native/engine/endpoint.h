// Where frames come from and go to: the one interface the switch has to the kernel. Loop thread only.
// Both calls move one or more frames and never block; an endpoint that cannot batch moves one, and nothing
// else changes.
#pragma once

#include <cerrno>
#include <cstdint>
#include <span>

#include "engine/batch.h"
#include "engine/counters.h"
#include "engine/fd.h"
#include "engine/frame.h"

namespace tsvde {

struct Moved {
  uint32_t frames;       // how many, in order
  int error;             // why not more: 0, or an errno; EAGAIN is "not now"
  uint32_t dropped = 0;  // received besides, and no frames: what the endpoint itself drops
};

class Endpoint {
 public:
  explicit Endpoint(Fd fd) : fd_(std::move(fd)) {}
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;
  virtual ~Endpoint() = default;

  [[nodiscard]] int fd() const { return fd_.number(); }
  // What frames may leave undone that are sent by it; others are finished before.
  [[nodiscard]] Offloads offloads() const { return offloads_; }

  // Whose writability is waited for after an EAGAIN; after another it may be another.
  [[nodiscard]] virtual int out_fd() const { return fd(); }

  // Fills each frame's bytes and size, and what offload leaves undone; a frame longer than its room has its
  // true size and cut bytes.
  virtual Moved receive(std::span<Frame> frames) = 0;
  virtual Moved send(std::span<Frame* const> frames) = 0;

  // More is to be sent while out_fd() is waited for: what it waits for may be of another by now.
  virtual void look_again() {}

  // Frames are left that the descriptor knows nothing of: receive() wants to be called again.
  [[nodiscard]] virtual bool buffered() const { return false; }
  // An error of receive() that nothing can follow. A socket's error is reported once and then gone; a TAP
  // without its interface will never be well again.
  [[nodiscard]] virtual bool ends_with(int error) const { return error == EBADFD; }

  // Of its port, which outlives it: for what the endpoint itself drops.
  Counters* counters = nullptr;

 protected:
  [[nodiscard]] uint64_t& drops(Counter reason) const { return (*counters)[reason]; }
  Fd fd_;
  Offloads offloads_ = 0;
};

}  // namespace tsvde
