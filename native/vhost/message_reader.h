// Reads messages from a stream socket without blocking, each in as many pieces as it arrives in. Holds at
// most one message and Descriptors::kMost descriptors, which bounds the cost of a front end that stops in the
// middle of a message.
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstring>
#include <span>

#include "vhost/descriptors.h"
#include "vhost/message.h"
#include "vhost/violation.h"

namespace tsvde::vhost {

class MessageReader {
 public:
  enum class Outcome : uint8_t { message, incomplete, closed, violated };

  // After `message`, the next call begins the next message.
  [[nodiscard]] Outcome read(int socket);
  [[nodiscard]] Violation violation() const { return violation_; }

  [[nodiscard]] const MessageHeader& header() const { return header_; }
  [[nodiscard]] std::span<const uint8_t> payload() const {
    return std::span(bytes_).subspan(sizeof header_, header_.size);
  }
  [[nodiscard]] Descriptors& descriptors() { return descriptors_; }

  // Returns the part of the payload that begins at `at`. The payload must be long enough.
  template <typename T>
  [[nodiscard]] T payload_as(size_t at = 0) const {
    T value;
    std::memcpy(&value, payload().data() + at, sizeof value);
    return value;
  }

 private:
  [[nodiscard]] Outcome read_piece(int socket, size_t end);
  [[nodiscard]] bool take_descriptors(msghdr& message);
  [[nodiscard]] Outcome refuse(Violation why);

  std::array<uint8_t, sizeof(MessageHeader) + kPayloadMost> bytes_;
  size_t received_ = 0;
  bool complete_ = false;
  MessageHeader header_{};
  Descriptors descriptors_;
  Violation violation_ = Violation::none;
};

}  // namespace tsvde::vhost
