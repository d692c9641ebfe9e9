#include "vhost/message_reader.h"

#include <cerrno>

namespace tsvde::vhost {

MessageReader::Outcome MessageReader::read(int socket) {
  if (violation_ != Violation::none) return Outcome::violated;
  if (complete_) {
    complete_ = false;
    received_ = 0;
    descriptors_.clear();
  }
  while (received_ < sizeof header_) {
    if (const Outcome outcome = read_piece(socket, sizeof header_); outcome != Outcome::message)
      return outcome;
  }
  std::memcpy(&header_, bytes_.data(), sizeof header_);
  if ((header_.flags & kVersionMask) != kVersion || (header_.flags & kReply) != 0)
    return refuse(Violation::bad_version);
  if (header_.size > kPayloadMost) return refuse(Violation::bad_size);
  while (received_ < sizeof header_ + header_.size) {
    const Outcome outcome = read_piece(socket, sizeof header_ + header_.size);
    if (outcome != Outcome::message) return outcome;
  }
  complete_ = true;
  return Outcome::message;
}

// Reads bytes up to `end`. Returns `message` if any bytes arrived. The kernel returns the descriptors with
// the first byte that was sent with them, and never reads across the boundary between bytes sent with
// different descriptors.
MessageReader::Outcome MessageReader::read_piece(int socket, size_t end) {
  alignas(cmsghdr) std::array<uint8_t, CMSG_SPACE(sizeof(int) * Descriptors::kMost)> control;
  iovec part{&bytes_[received_], end - received_};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t size = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (size < 0) return errno == EAGAIN || errno == EINTR ? Outcome::incomplete : Outcome::closed;
  if (!take_descriptors(message)) return refuse(Violation::bad_descriptors);
  if (size == 0) return Outcome::closed;
  received_ += static_cast<size_t>(size);
  return Outcome::message;
}

// Returns false if there are too many descriptors, or if they arrive with the payload.
bool MessageReader::take_descriptors(msghdr& message) {
  bool fit = (message.msg_flags & MSG_CTRUNC) == 0;
  for (cmsghdr* at = CMSG_FIRSTHDR(&message); at != nullptr; at = CMSG_NXTHDR(&message, at)) {
    if (at->cmsg_level != SOL_SOCKET || at->cmsg_type != SCM_RIGHTS) continue;
    if (received_ >= sizeof header_) fit = false;
    const size_t count = (at->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; i++) {
      int number = -1;
      std::memcpy(&number, CMSG_DATA(at) + i * sizeof number, sizeof number);
      if (!descriptors_.add(Fd(number))) fit = false;
    }
  }
  return fit;
}

MessageReader::Outcome MessageReader::refuse(Violation why) {
  descriptors_.clear();
  violation_ = why;
  return Outcome::violated;
}

}  // namespace tsvde::vhost
