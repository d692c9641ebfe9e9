// A descriptor chain (virtio 1.2, 2.7.5), read from its head on as pieces of the guest's memory. Each read
// of a descriptor makes a copy, and only this copy is checked and used: its index, direction and addresses.
// The number of descriptors is checked too.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>

#include "vhost/memory_table.h"
#include "vhost/ring.h"
#include "vhost/violation.h"

namespace tsvde::vhost {

inline Descriptor read(Descriptor* at) {
  auto* words = reinterpret_cast<uint64_t*>(at);
  const uint64_t address = std::atomic_ref(words[0]).load(std::memory_order_relaxed);
  const uint64_t rest = std::atomic_ref(words[1]).load(std::memory_order_relaxed);
  return {address, static_cast<uint32_t>(rest), static_cast<uint16_t>(rest >> 32),
          static_cast<uint16_t>(rest >> 48)};
}

// Returns the buffer of a chain of one descriptor if it lies in one region, and an empty span otherwise: a
// Chain then walks the pieces or reports the violation. Most chains have one descriptor, and a Chain costs
// several times as much.
[[nodiscard]] inline std::span<uint8_t> only_piece(const Ring& ring, const MemoryTable& memory, bool writable,
                                                   uint16_t head) {
  if (head >= ring.size()) return {};
  const Descriptor descriptor = read(ring.descriptors() + head);
  constexpr uint16_t kChecked = kDescriptorNext | kDescriptorWritable | kDescriptorIndirect;
  if ((descriptor.flags & kChecked) != (writable ? kDescriptorWritable : 0)) return {};
  const auto piece = memory.at_guest(descriptor.address, descriptor.length);
  return piece.size() == descriptor.length ? piece : std::span<uint8_t>();
}

class Chain {
 public:
  // The maximum number of descriptors in the chains of one frame: enough for 64 KB in buffers of 64 bytes.
  // Without a limit, one guest could delay all others.
  static constexpr uint32_t kPartsMost = 1024;

  // `writable` is the direction that every buffer must have. `steps` counts descriptors; all chains of a
  // frame share it.
  Chain(const Ring& ring, const MemoryTable& memory, bool indirect, bool writable, uint16_t head,
        uint32_t& steps)
      : memory_(memory),
        table_(ring.descriptors()),
        count_(ring.size()),
        index_(head),
        indirect_(indirect),
        writable_(writable),
        steps_(steps) {}

  // Returns the next piece. An empty piece means the end of the chain, or a violation().
  [[nodiscard]] std::span<uint8_t> next() {
    while (length_ == 0) {
      if (!more_ || !step()) return {};
    }
    const auto piece = memory_.at_guest(address_, length_);
    if (piece.empty()) {
      refuse(Violation::buffer_outside_memory);
      return {};
    }
    address_ += piece.size();
    length_ -= static_cast<uint32_t>(piece.size());
    return piece;
  }
  [[nodiscard]] Violation violation() const { return violation_; }

 private:
  // Reads the next descriptor. Returns false after a violation.
  bool step() {
    if (index_ >= count_) return refuse(Violation::bad_descriptor_index);
    if (++steps_ > kPartsMost) return refuse(Violation::chain_too_long);
    const Descriptor descriptor = read(table_ + index_);
    if ((descriptor.flags & kDescriptorIndirect) != 0) return enter(descriptor);
    if (((descriptor.flags & kDescriptorWritable) != 0) != writable_)
      return refuse(Violation::wrong_direction);
    address_ = descriptor.address;
    length_ = descriptor.length;
    index_ = descriptor.next;
    more_ = (descriptor.flags & kDescriptorNext) != 0;
    return true;
  }
  bool enter(const Descriptor& indirect);
  bool refuse(Violation why) {
    violation_ = why;
    length_ = 0;
    more_ = false;
    return false;
  }

  const MemoryTable& memory_;
  Descriptor* table_;
  uint32_t count_;
  uint32_t index_;
  bool indirect_;  // an indirect table is allowed: negotiated, and not nested
  bool writable_;
  uint32_t& steps_;
  bool more_ = true;
  uint64_t address_ = 0;
  uint32_t length_ = 0;
  Violation violation_ = Violation::none;
};

}  // namespace tsvde::vhost
