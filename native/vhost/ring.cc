#include "vhost/ring.h"

#include <bit>

namespace tsvde::vhost {

static_assert(std::endian::native == std::endian::little);

void Ring::start(const Parts& parts, uint32_t size, uint16_t base) {
  parts_ = parts;
  size_ = size;
  next_ = seen_ = base;
  used_ = published_ = load(parts.used[1], std::memory_order_acquire);
  notified_ = false;
}

Violation Ring::accept(uint16_t index) {
  if (static_cast<uint16_t>(index - next_) > size_) return Violation::bad_available_index;
  seen_ = index;
  return Violation::none;
}

// The index must be stored before the driver's threshold is read, and the driver stores its threshold before
// it reads the index: otherwise each side could miss the other's store. Sequential consistency gives this
// order without a fence.
bool Ring::publish() {
  if (used_ == published_) return false;
  const uint16_t before = published_;
  published_ = used_;
  store(parts_.used[1], used_, std::memory_order_seq_cst);
  if (!event_index_) {
    return (load(parts_.available[0], std::memory_order_seq_cst) & kNoNotification) == 0;
  }
  const uint16_t threshold = load(used_threshold(), std::memory_order_seq_cst);
  const bool passed =
      static_cast<uint16_t>(used_ - threshold - 1) < static_cast<uint16_t>(used_ - before);  // 2.7.7.1
  const bool first = !notified_;
  notified_ = true;
  return passed || first;
}

Violation Ring::arm() {
  if (event_index_) {
    // The threshold is the last index that was read. If it were the index of the first entry not consumed,
    // and the available entries were too few for a frame, the driver would have passed the threshold already.
    store(available_threshold(), seen_, std::memory_order_seq_cst);
  } else {
    store(parts_.used[0], 0, std::memory_order_seq_cst);
  }
  return accept(load(parts_.available[1], std::memory_order_seq_cst));
}

}  // namespace tsvde::vhost
