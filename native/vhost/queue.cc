#include "vhost/queue.h"

#include <bit>
#include <utility>

#include "vhost/event_fd.h"

namespace tsvde::vhost {

Violation Queue::set_size(uint32_t size) {
  if (live_) return Violation::ring_running;
  if (!std::has_single_bit(size) || size > kRingSizeMost) return Violation::bad_ring_size;
  size_ = size;
  return Violation::none;
}

Violation Queue::set_base(uint32_t base) {
  if (live_) return Violation::ring_running;
  if (base > 0xffff) return Violation::bad_ring_base;
  base_ = static_cast<uint16_t>(base);
  return Violation::none;
}

Violation Queue::set_addresses(const RingAddresses& addresses, const MemoryTable& memory) {
  addresses_ = addresses;
  addressed_ = true;
  return find(memory);
}

Violation Queue::set_kick(Fd kick, const MemoryTable& memory) {
  kick_ = std::move(kick);
  kicked_ = true;
  return find(memory);
}

// Interrupts once, since the old descriptor may not have delivered the last interrupt.
void Queue::set_call(Fd call) {
  call_ = std::move(call);
  if (live_) interrupt();
}

Violation Queue::find(const MemoryTable& memory) {
  if (size_ == 0 || !addressed_ || !kicked_ || memory.empty()) return Violation::none;
  Ring::Parts parts;
  if (const Violation why = locate(memory, parts); why != Violation::none) return why;
  if (live_) {
    ring.move(parts);
    return Violation::none;
  }
  ring.start(parts, size_, base_);
  live_ = true;
  interrupt();  // a previous back end may have ended before it sent one
  return Violation::none;
}

Violation Queue::locate(const MemoryTable& memory, Ring::Parts& parts) const {
  const auto& [ring, flags, descriptors, used, available, log] = addresses_;
  if (descriptors % 16 != 0 || used % 4 != 0 || available % 2 != 0) return Violation::unaligned_ring;
  uint8_t* const found[] = {memory.all_at_user(descriptors, Ring::descriptors_size(size_)),
                            memory.all_at_user(available, Ring::available_size(size_)),
                            memory.all_at_user(used, Ring::used_size(size_))};
  for (const uint8_t* part : found) {
    if (part == nullptr) return Violation::ring_outside_memory;
  }
  parts = {reinterpret_cast<Descriptor*>(found[0]), reinterpret_cast<uint16_t*>(found[1]),
           reinterpret_cast<uint16_t*>(found[2])};
  return Violation::none;
}

uint16_t Queue::stop() {
  if (live_) {
    publish();
    base_ = ring.next();
  }
  live_ = false;
  kicked_ = false;
  kick_ = Fd();
  return base_;
}

bool Queue::publish() {
  if (!ring.publish()) return false;
  interrupt();
  return call_.number() >= 0;
}

void Queue::interrupt() const {
  if (call_.number() >= 0) signal_eventfd(call_.number());
}

}  // namespace tsvde::vhost
