#include "vhost/take.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <limits>

#include "vhost/chain.h"
#include "vhost/prefetch.h"

namespace tsvde::vhost {

Taken take(Ring& ring, const MemoryTable& memory, bool indirect, std::span<uint8_t> room) {
  Taken taken;
  if (ring.available() == 0) {
    taken.violation = ring.look();
    if (ring.available() == 0) return taken;
  }
  prefetch<false>(ring, memory);
  const uint16_t head = ring.head(0);
  uint32_t steps = 0;
  Chain chain(ring, memory, indirect, false, head, steps);
  auto* const header = reinterpret_cast<uint8_t*>(&taken.header);
  uint64_t total = 0;  // with the header
  for (auto piece = chain.next(); !piece.empty(); piece = chain.next()) {
    uint64_t at = total;
    total += piece.size();
    if (at < sizeof(NetHeader)) {
      const size_t count = std::min(piece.size(), sizeof(NetHeader) - at);
      copy_piece(header + at, piece.data(), count);
      piece = piece.subspan(count);
      at += count;
    }
    const uint64_t done = at - sizeof(NetHeader);
    if (piece.empty() || done >= room.size()) continue;
    std::memcpy(&room[done], piece.data(), std::min(piece.size(), room.size() - done));
  }
  if (taken.violation = chain.violation(); taken.violation != Violation::none) return taken;
  // The compiler must not read the guest's memory, which may change, a second time in place of the copies.
  std::atomic_signal_fence(std::memory_order_acq_rel);
  const uint64_t size = total < sizeof(NetHeader) ? 0 : total - sizeof(NetHeader);
  taken.size = static_cast<uint32_t>(std::min<uint64_t>(size, std::numeric_limits<uint32_t>::max()));
  taken.frame = true;
  ring.use(0, head, 0);
  ring.advance(1);
  return taken;
}

}  // namespace tsvde::vhost
