// The device's side of a split ring (virtio 1.2, 2.7): available entries, used entries and notifications. All
// of them are in memory that the guest can change at any time, so each value is read once and checked before
// it is used. Little-endian hosts only, like the engine.
//
// Entries are used in the order in which they became available. Nothing that use() writes is visible to the
// driver before publish().
#pragma once

#include <atomic>
#include <cstdint>

#include "vhost/violation.h"

namespace tsvde::vhost {

struct Descriptor {
  uint64_t address;
  uint32_t length;
  uint16_t flags;
  uint16_t next;
};
static_assert(sizeof(Descriptor) == 16);

constexpr uint16_t kDescriptorNext = 1;
constexpr uint16_t kDescriptorWritable = 2;
constexpr uint16_t kDescriptorIndirect = 4;

constexpr uint32_t kRingSizeMost = 32768;

class Ring {
 public:
  // The three parts. The last element of two of them is a notification threshold.
  // available: flags, index, heads[size], used threshold; used: flags, index, {head, length}[size], available
  // threshold.
  struct Parts {
    Descriptor* descriptors = nullptr;
    uint16_t* available = nullptr;
    uint16_t* used = nullptr;
  };
  static constexpr uint64_t descriptors_size(uint32_t size) { return uint64_t{16} * size; }
  static constexpr uint64_t available_size(uint32_t size) { return 6 + uint64_t{2} * size; }
  static constexpr uint64_t used_size(uint32_t size) { return 6 + uint64_t{8} * size; }

  // Starts at the available entry `base`. The used index is read from the memory, where a previous back end
  // may have left it.
  void start(const Parts& parts, uint32_t size, uint16_t base);
  // Continues with the same memory at other addresses.
  void move(const Parts& parts) { parts_ = parts; }
  void set_event_index(bool on) { event_index_ = on; }

  [[nodiscard]] uint32_t size() const { return size_; }
  [[nodiscard]] uint16_t next() const { return next_; }
  [[nodiscard]] Descriptor* descriptors() const { return parts_.descriptors; }

  // Returns how many entries are known to be available. look() reads the driver's index again.
  [[nodiscard]] uint32_t available() const { return static_cast<uint16_t>(seen_ - next_); }
  [[nodiscard]] Violation look() { return accept(load(parts_.available[1], std::memory_order_acquire)); }
  // Returns the head of the available entry that is `ahead` entries after the next one.
  [[nodiscard]] uint16_t head(uint32_t ahead) const {
    return load(parts_.available[2 + ((next_ + ahead) & (size_ - 1))], std::memory_order_relaxed);
  }
  // Writes the used entry for a head. `written` is the number of bytes that were written to its buffers.
  void use(uint32_t ahead, uint16_t head, uint32_t written) const {
    auto* entry = reinterpret_cast<uint32_t*>(parts_.used + 2) + size_t{2} * ((used_ + ahead) & (size_ - 1));
    entry[0] = head;
    entry[1] = written;
  }
  // Consumes `count` entries, after a use() for each of them.
  void advance(uint32_t count) {
    next_ = static_cast<uint16_t>(next_ + count);
    used_ = static_cast<uint16_t>(used_ + count);
  }

  // Makes the used entries visible to the driver. Returns whether the driver wants to be interrupted.
  [[nodiscard]] bool publish();
  // Asks the driver for a notification of the next entry that becomes available, then reads the driver's
  // index again, since an entry may have become available before the driver saw the request. The caller must
  // not sleep if available() is not 0.
  [[nodiscard]] Violation arm();
  // Asks the driver for no notifications. With event indices nothing is written: the driver's index has
  // passed the threshold.
  void disarm() {
    if (!event_index_) store(parts_.used[0], kNoNotification, std::memory_order_relaxed);
  }

  // Returns whether the driver has never made an entry available. If this is so after repeated notifications,
  // the memory is a private copy.
  [[nodiscard]] bool untouched() const {
    return next_ == 0 && used_ == 0 && load(parts_.available[1], std::memory_order_acquire) == 0 &&
           std::atomic_ref(parts_.descriptors->address).load(std::memory_order_relaxed) == 0;
  }

 private:
  static constexpr uint16_t kNoNotification = 1;  // a flag of both rings

  static uint16_t load(uint16_t& at, std::memory_order order) { return std::atomic_ref(at).load(order); }
  static void store(uint16_t& at, uint16_t value, std::memory_order order) {
    std::atomic_ref(at).store(value, order);
  }
  [[nodiscard]] Violation accept(uint16_t index);
  [[nodiscard]] uint16_t& used_threshold() const { return parts_.available[2 + size_]; }
  [[nodiscard]] uint16_t& available_threshold() const { return parts_.used[2 + size_t{4} * size_]; }

  Parts parts_;
  uint32_t size_ = 0;
  uint16_t next_ = 0;       // the first available entry that was not consumed
  uint16_t seen_ = 0;       // the driver's index, as last read
  uint16_t used_ = 0;       // entries used
  uint16_t published_ = 0;  // of these, those that the driver can see
  bool event_index_ = false;
  bool notified_ = false;  // since the start
};

}  // namespace tsvde::vhost
