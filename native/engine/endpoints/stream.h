// A connected stream socket: each frame follows its length in 4 bytes, big-endian, as with QEMU's socket and
// stream backends. All memory is taken in the constructor; pages that are never written cost nothing.
#pragma once

#include <memory>

#include "engine/endpoint.h"

namespace tsvde {

class Stream final : public Endpoint {
 public:
  explicit Stream(Fd fd);

  // Ends with EPIPE if the peer has closed, and with EBADMSG if it sent a length that no frame can have:
  // where the next frame begins is then unknown.
  Moved receive(std::span<Frame> frames, Time now) override;
  // EAGAIN also if only a part of the last frame was sent. The rest is kept here, and a call without frames
  // sends it.
  Moved send(std::span<Frame* const> frames, Time now) override;
  [[nodiscard]] bool buffered() const override { return next_is_known(); }
  [[nodiscard]] bool ends_with(int) const override { return true; }

 private:
  [[nodiscard]] uint32_t next_length() const;
  // Whether the next frame has arrived in full, or its length is invalid.
  [[nodiscard]] bool next_is_known() const;
  [[nodiscard]] int read_on();
  [[nodiscard]] int send_rest();
  void keep_rest(const Frame& frame, size_t sent);

  Fd fd_;
  // Bytes that were received, from `from_` to `to_`, and are not yet returned as frames.
  std::unique_ptr<uint8_t[]> in_;
  uint32_t from_ = 0;
  uint32_t to_ = 0;
  // The rest of a frame that was sent in part, from `rest_from_` to `rest_to_`.
  std::unique_ptr<uint8_t[]> out_;
  uint32_t rest_from_ = 0;
  uint32_t rest_to_ = 0;
};

}  // namespace tsvde
