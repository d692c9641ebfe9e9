#include "vhost/put.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>

#include "vhost/chain.h"
#include "vhost/prefetch.h"

namespace tsvde::vhost {
namespace {

// The bytes that remain to be copied: the header, then the parts of the frame.
class Source {
 public:
  Source(const NetHeader& header, std::span<const iovec> frame)
      : at_(reinterpret_cast<const uint8_t*>(&header)), left_(sizeof header), rest_(frame) {
    skip_empty();
  }

  [[nodiscard]] bool empty() const { return left_ == 0; }
  // Copies as many bytes as the piece has room for. Returns how many bytes were copied.
  [[nodiscard]] size_t copy_to(std::span<uint8_t> piece) {
    size_t copied = 0;
    while (copied < piece.size() && left_ > 0) {
      const size_t count = std::min(piece.size() - copied, left_);
      copy_piece(&piece[copied], at_, count);
      copied += count;
      at_ += count;
      left_ -= count;
      skip_empty();
    }
    return copied;
  }

 private:
  void skip_empty() {
    while (left_ == 0 && !rest_.empty()) {
      at_ = static_cast<const uint8_t*>(rest_[0].iov_base);
      left_ = rest_[0].iov_len;
      rest_ = rest_.subspan(1);
    }
  }

  const uint8_t* at_;
  size_t left_;
  std::span<const iovec> rest_;
};

// The location of the header's field `buffers` in guest memory. Its two bytes may be in different pieces.
class BufferCount {
 public:
  // Records the bytes of the field that are in this piece. `from` is the piece's offset in the header and
  // frame.
  void find_in(std::span<uint8_t> piece, size_t from) {
    constexpr size_t kAt = offsetof(NetHeader, buffers);
    for (size_t i = 0; i < bytes_.size(); i++) {
      if (kAt + i >= from && kAt + i - from < piece.size()) bytes_[i] = &piece[kAt + i - from];
    }
  }
  void write(uint32_t count) const {
    *bytes_[0] = static_cast<uint8_t>(count);
    *bytes_[1] = static_cast<uint8_t>(count >> 8);
  }

 private:
  std::array<uint8_t*, 2> bytes_{};
};

// Copies a header and a frame to one piece. Returns the number of bytes; 0 if the piece is too small.
uint32_t put_piece(std::span<uint8_t> piece, const NetHeader& header, std::span<const iovec> frame) {
  size_t size = sizeof header;
  for (const iovec& part : frame) size += part.iov_len;
  if (piece.size() < size) return 0;
  uint8_t* at = piece.data();
  std::memcpy(at, &header, sizeof header);
  at += sizeof header;
  for (const iovec& part : frame) {
    std::memcpy(at, part.iov_base, part.iov_len);
    at += part.iov_len;
  }
  return static_cast<uint32_t>(size);
}

// Copies a header and a frame to any number of pieces and buffers.
Put put_pieces(Ring& ring, const MemoryTable& memory, PutRules rules, const NetHeader& header,
               std::span<const iovec> frame, Violation& violation) {
  Source source(header, frame);
  BufferCount buffer_count;
  uint32_t steps = 0;
  uint32_t buffers = 0;
  do {
    if (buffers == ring.available()) {
      if (violation = ring.look(); violation != Violation::none) return Put::violated;
      if (buffers == ring.available()) return buffers == ring.size() ? Put::too_long : Put::no_room;
    }
    const uint16_t head = ring.head(buffers);
    Chain chain(ring, memory, rules.indirect, true, head, steps);
    uint32_t written = 0;
    while (!source.empty()) {
      const auto piece = chain.next();
      if (piece.empty()) break;
      if (buffers == 0 && written < sizeof(NetHeader)) buffer_count.find_in(piece, written);
      written += static_cast<uint32_t>(source.copy_to(piece));
    }
    violation = chain.violation();
    if (violation == Violation::none && !source.empty() && written < sizeof(NetHeader))
      violation = Violation::receive_buffer_too_small;
    if (violation != Violation::none) return Put::violated;
    ring.use(buffers++, head, written);
    if (!source.empty() && !rules.merged) return Put::too_long;
  } while (!source.empty());
  if (buffers > 1) buffer_count.write(buffers);
  ring.advance(buffers);
  return Put::done;
}

}  // namespace

Put put(Ring& ring, const MemoryTable& memory, PutRules rules, const NetHeader& header,
        std::span<const iovec> frame, Violation& violation) {
  prefetch<true>(ring, memory);
  if (ring.available() > 0) {
    const uint16_t head = ring.head(0);
    const uint32_t written = put_piece(only_piece(ring, memory, true, head), header, frame);
    if (written > 0) {
      ring.use(0, head, written);
      ring.advance(1);
      return Put::done;
    }
  }
  return put_pieces(ring, memory, rules, header, frame, violation);
}

}  // namespace tsvde::vhost
