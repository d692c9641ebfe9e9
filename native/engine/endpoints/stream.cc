#include "engine/endpoints/stream.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <cerrno>

#include "engine/padding.h"

namespace tsvde {
namespace {

constexpr uint32_t kPrefix = 4;
// The longest frame that QEMU sends. The switch accepts frames up to kFrameMax; it drops and counts longer
// ones.
constexpr uint32_t kLongest = 4096 + 65536;
// Room for the longest frame, and for enough more to make each read worth its system call.
constexpr uint32_t kIn = 80 * 1024;
static_assert(kIn >= kPrefix + kLongest);
constexpr uint32_t kOut = kPrefix + kFrameMax + kTagSize;

// The length prefixes and the parts of one call, shared by all streams of the loop thread.
struct Batch {
  std::array<uint32_t, kBatch> prefixes;
  std::array<iovec, kBatch*(1 + std::tuple_size_v<decltype(Frame::parts)>)> parts;
};

Batch& batch() {
  static thread_local Batch batch;
  return batch;
}

// Shortens the parts of a frame to the frame's size without padding, and returns this size.
uint32_t remove_padding(const Frame& frame, std::span<iovec> parts) {
  const uint32_t size = size_without_padding(frame);
  size_t left = size;
  for (iovec& part : parts) {
    part.iov_len = std::min(part.iov_len, left);
    left -= part.iov_len;
  }
  return size;
}

}  // namespace

Stream::Stream(Fd fd, Padding padding)
    : fd_(std::move(fd)),
      padding_(padding),
      in_(std::make_unique_for_overwrite<uint8_t[]>(kIn)),
      out_(std::make_unique_for_overwrite<uint8_t[]>(kOut)) {
  watch({.fd = fd_.number(), .frames = EPOLLIN, .room = EPOLLOUT});
}

Moved Stream::receive(std::span<Frame> frames, Time) {
  if (!next_is_known()) {
    const int error = read_on();
    if (error != 0) return {0, error};
  }
  uint32_t count = 0;
  for (; count < frames.size() && next_is_known(); count++) {
    const uint32_t length = next_length();
    if (length > kLongest) return {count, EBADMSG};
    uint8_t* const bytes = &in_[from_ + kPrefix];
    iovec& part = frames[count].parts[0];
    // A short frame is copied, since it will be padded: in in_, the padding would overwrite the frame that
    // follows.
    if (length < kFramePadded) {
      std::memcpy(part.iov_base, bytes, length);
    } else {
      part.iov_base = bytes;
    }
    part.iov_len = length;
    from_ += kPrefix + length;
  }
  return {count, 0};
}

uint32_t Stream::next_length() const {
  uint32_t length = 0;
  std::memcpy(&length, &in_[from_], kPrefix);
  return ntohl(length);
}

bool Stream::next_is_known() const {
  if (to_ - from_ < kPrefix) return false;
  const uint32_t length = next_length();
  return length > kLongest || to_ - from_ - kPrefix >= length;
}

int Stream::read_on() {
  if (from_ > 0) std::memmove(&in_[0], &in_[from_], to_ - from_);
  to_ -= from_;
  from_ = 0;
  const ssize_t size = recv(fd_.number(), &in_[to_], kIn - to_, MSG_DONTWAIT);
  if (size < 0) return errno;
  if (size == 0) return EPIPE;
  to_ += static_cast<uint32_t>(size);
  return 0;
}

Moved Stream::send(std::span<Frame* const> frames, Time) {
  const int error = send_rest();
  if (error != 0 || frames.empty()) return {0, error};
  auto& [prefixes, parts] = batch();
  size_t part_count = 0;
  for (size_t i = 0; i < frames.size(); i++) {
    const Frame& frame = *frames[i];
    parts[part_count++] = {&prefixes[i], kPrefix};
    const std::span own(&parts[part_count], frame.part_count);
    for (uint32_t part = 0; part < frame.part_count; part++) parts[part_count++] = frame.parts[part];
    prefixes[i] = htonl(padding_ == Padding::kept ? frame.size() : remove_padding(frame, own));
  }
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = part_count;
  const ssize_t size = sendmsg(fd_.number(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (size < 0) return {0, errno};
  auto left = static_cast<size_t>(size);
  for (uint32_t i = 0; i < frames.size(); i++) {
    const uint32_t frame_size = ntohl(prefixes[i]);
    const size_t whole = kPrefix + frame_size;
    if (left < whole) {
      if (left == 0) return {i, EAGAIN};
      keep_rest(*frames[i], frame_size, left);
      return {i + 1, EAGAIN};
    }
    left -= whole;
  }
  return {static_cast<uint32_t>(frames.size()), 0};
}

int Stream::send_rest() {
  if (rest_from_ == rest_to_) return 0;
  const ssize_t size =
      ::send(fd_.number(), &out_[rest_from_], rest_to_ - rest_from_, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (size < 0) return errno;
  rest_from_ += static_cast<uint32_t>(size);
  return rest_from_ == rest_to_ ? 0 : EAGAIN;
}

// Keeps what follows the first `sent` bytes of the prefix and the frame's first `size` bytes. These bytes
// must be sent before any others.
void Stream::keep_rest(const Frame& frame, uint32_t size, size_t sent) {
  const uint32_t prefix = htonl(size);
  std::memcpy(&out_[0], &prefix, kPrefix);
  size_t at = kPrefix;
  for (uint32_t i = 0; i < frame.part_count; i++) {
    std::memcpy(&out_[at], frame.parts[i].iov_base, frame.parts[i].iov_len);
    at += frame.parts[i].iov_len;
  }
  rest_to_ = kPrefix + size;
  rest_from_ = static_cast<uint32_t>(sent);
}

}  // namespace tsvde
