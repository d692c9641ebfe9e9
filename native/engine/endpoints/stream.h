// A connected stream socket: each frame behind its length, 4 bytes, big-endian, as QEMU's socket and stream
// backends speak. All memory is taken when it is made; pages that nothing has reached cost nothing.
#pragma once

#include <memory>

#include "engine/endpoint.h"

namespace tsvde {

class Stream final : public Endpoint {
 public:
  explicit Stream(Fd fd);

  // EPIPE: the peer has closed; EBADMSG: it sent a length that no frame has, and what follows cannot be told
  // apart.
  Moved receive(std::span<Frame> frames, Time now) override;
  // EAGAIN also where only a part of the last frame waits, inside: an empty call sends that on.
  Moved send(std::span<Frame* const> frames, Time now) override;
  [[nodiscard]] bool buffered() const override { return next_is_known(); }
  [[nodiscard]] bool ends_with(int) const override { return true; }

 private:
  [[nodiscard]] uint32_t next_length() const;
  // The next frame is there as a whole, or its length is no frame's.
  [[nodiscard]] bool next_is_known() const;
  [[nodiscard]] int read_on();
  [[nodiscard]] int send_rest();
  void keep_rest(const Frame& frame, size_t sent);

  Fd fd_;
  std::unique_ptr<uint8_t[]> in_;  // from `from_` to `to_`: read, and not yet a frame
  uint32_t from_ = 0;
  uint32_t to_ = 0;
  std::unique_ptr<uint8_t[]> out_;  // from `rest_from_` to `rest_to_`: what is left of a frame that was begun
  uint32_t rest_from_ = 0;
  uint32_t rest_to_ = 0;
};

}  // namespace tsvde
