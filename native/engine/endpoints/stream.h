// A connected stream socket. Each frame is preceded by its length, 4 bytes in big-endian order, as for QEMU's
// socket and stream backends. All memory is allocated in the constructor; pages that are never written cost
// nothing.
#pragma once

#include <memory>

#include "engine/endpoint.h"

namespace tsvde {

class Stream final : public Endpoint {
 public:
  // Whether the frames sent to the peer keep the padding of short frames.
  enum class Padding : bool { removed, kept };
  explicit Stream(Fd fd, Padding padding = Padding::kept);

  // Returns EPIPE if the peer has closed the connection, and EBADMSG if it sent a length that no frame can
  // have: the beginning of the next frame is then unknown.
  Moved receive(std::span<Frame> frames, Time now) override;
  // Returns EAGAIN also if the last of the frames that it moved was sent only in part. The endpoint keeps the
  // rest of that frame, and sends it in the next call, even in a call without frames.
  Moved send(std::span<Frame* const> frames, Time now) override;
  [[nodiscard]] bool buffered() const override { return next_is_known(); }
  [[nodiscard]] bool ends_with(int) const override { return true; }

 private:
  [[nodiscard]] uint32_t next_length() const;
  // Returns whether the next frame has arrived in full, or its length is invalid.
  [[nodiscard]] bool next_is_known() const;
  [[nodiscard]] int read_on();
  [[nodiscard]] int send_rest();
  void keep_rest(const Frame& frame, uint32_t size, size_t sent);

  Fd fd_;
  Padding padding_;
  // The bytes received but not yet returned as frames, from `from_` to `to_`.
  std::unique_ptr<uint8_t[]> in_;
  uint32_t from_ = 0;
  uint32_t to_ = 0;
  // The unsent rest of a frame that was sent in part, from `rest_from_` to `rest_to_`.
  std::unique_ptr<uint8_t[]> out_;
  uint32_t rest_from_ = 0;
  uint32_t rest_to_ = 0;
};

}  // namespace tsvde
