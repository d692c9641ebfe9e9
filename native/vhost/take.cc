#include "vhost/take.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <limits>

#include "vhost/chain.h"
#include "vhost/prefetch.h"

namespace tsvde::vhost {
namespace {

// Takes a frame that is in one piece. Returns false if it is not, or does not fit into `room`.
bool take_piece(std::span<uint8_t> piece, std::span<uint8_t> room, std::span<iovec> pieces, Taken& taken) {
  if (piece.size() < sizeof(NetHeader) || piece.size() - sizeof(NetHeader) > room.size()) return false;
  const auto frame = piece.subspan(sizeof(NetHeader));
  const bool lends = frame.size() >= kLendFrom && !pieces.empty();
  std::memcpy(&taken.header, piece.data(), sizeof(NetHeader));
  std::memcpy(room.data(), frame.data(), lends ? kCopied : frame.size());
  if (lends) {
    pieces[0] = {&frame[kCopied], frame.size() - kCopied};
    taken.lent = 1;
  }
  taken.size = static_cast<uint32_t>(frame.size());
  return true;
}

// A frame in any number of pieces, in the order in which they are added. Until finish(), it is not known
// whether the frame is long enough to be lent.
class Pieces {
 public:
  Pieces(std::span<uint8_t> room, std::span<iovec> pieces) : room_(room), pieces_(pieces) {}

  void add(std::span<uint8_t> piece) {
    if (size_ < kCopied) {
      const size_t count = std::min<size_t>(piece.size(), kCopied - size_);
      copy(piece.first(count));
      piece = piece.subspan(count);
    }
    if (piece.empty()) return;
    if (lent_ == pieces_.size()) copy_lent();
    if (pieces_.empty()) return copy(piece);
    pieces_[lent_++] = {piece.data(), piece.size()};
    size_ += piece.size();
  }
  // Returns how many pieces are lent.
  [[nodiscard]] uint32_t finish() {
    if (size_ < kLendFrom || size_ > room_.size()) copy_lent();
    return lent_;
  }
  [[nodiscard]] uint64_t size() const { return size_; }

 private:
  // Copies as much as there is room for.
  void copy(std::span<const uint8_t> piece) {
    if (size_ < room_.size())
      std::memcpy(&room_[size_], piece.data(), std::min(piece.size(), room_.size() - size_));
    size_ += piece.size();
  }
  // Copies the pieces that were to be lent, and lends no more of this frame.
  void copy_lent() {
    if (lent_ > 0) size_ = kCopied;
    for (const iovec& piece : pieces_.first(lent_))
      copy({static_cast<const uint8_t*>(piece.iov_base), piece.iov_len});
    pieces_ = {};
    lent_ = 0;
  }

  std::span<uint8_t> room_;
  std::span<iovec> pieces_;
  uint32_t lent_ = 0;
  uint64_t size_ = 0;
};

// Takes a frame in any number of pieces, or copies its beginning.
void take_pieces(Chain chain, std::span<uint8_t> room, std::span<iovec> pieces, Taken& taken) {
  auto* const header = reinterpret_cast<uint8_t*>(&taken.header);
  size_t header_size = 0;
  Pieces frame(room, pieces);
  for (auto piece = chain.next(); !piece.empty(); piece = chain.next()) {
    const size_t count = std::min(piece.size(), sizeof(NetHeader) - header_size);
    copy_piece(header + header_size, piece.data(), count);
    header_size += count;
    frame.add(piece.subspan(count));
  }
  taken.lent = frame.finish();
  if (taken.violation = chain.violation(); taken.violation != Violation::none) taken.lent = 0;
  taken.size = static_cast<uint32_t>(std::min<uint64_t>(frame.size(), std::numeric_limits<uint32_t>::max()));
}

}  // namespace

Taken take(Ring& ring, const MemoryTable& memory, bool indirect, std::span<uint8_t> room,
           std::span<iovec> pieces) {
  Taken taken;
  if (ring.available() == 0) {
    taken.violation = ring.look();
    if (ring.available() == 0) return taken;
  }
  prefetch<false>(ring, memory);
  const uint16_t head = ring.head(0);
  if (!take_piece(only_piece(ring, memory, false, head), room, pieces, taken)) {
    uint32_t steps = 0;
    take_pieces(Chain(ring, memory, indirect, false, head, steps), room, pieces, taken);
    if (taken.violation != Violation::none) return taken;
  }
  // The compiler must not read the guest's memory, which may change, a second time in place of the copies.
  std::atomic_signal_fence(std::memory_order_acq_rel);
  taken.frame = true;
  ring.use(0, head, 0);
  ring.advance(1);
  return taken;
}

}  // namespace tsvde::vhost
