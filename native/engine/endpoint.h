// Where frames come from and go to: the one interface the switch has to the kernel. Loop thread only.
// Both calls move one or more frames and never block; an endpoint that cannot batch moves one, and nothing
// else changes.
#pragma once

#include <cstdint>
#include <span>

#include "engine/fd.h"
#include "engine/frame.h"

namespace tsvde {

struct Moved {
  uint32_t frames;  // how many, in order
  int error;        // why not more: 0, or an errno; EAGAIN is "not now"
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

  // Fills each frame's bytes and size, and what offload leaves undone; a frame longer than its room has its
  // true size and cut bytes. EBADMSG: the frame behind those that came was malformed, and is gone.
  virtual Moved receive(std::span<Frame> frames) = 0;
  virtual Moved send(std::span<Frame* const> frames) = 0;

 protected:
  Fd fd_;
  Offloads offloads_ = 0;
};

}  // namespace tsvde
