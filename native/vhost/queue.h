// One of a device's two rings, with the settings that messages make in any order: size, addresses and
// descriptors. The ring is live, so that it may be accessed, once it has a size, valid addresses and a kick.
#pragma once

#include "engine/fd.h"
#include "vhost/memory_table.h"
#include "vhost/message.h"
#include "vhost/ring.h"
#include "vhost/violation.h"

namespace tsvde::vhost {

class Queue {
 public:
  [[nodiscard]] Violation set_size(uint32_t size);
  [[nodiscard]] Violation set_base(uint32_t base);
  [[nodiscard]] Violation set_addresses(const RingAddresses& addresses, const MemoryTable& memory);
  // `kick` is empty (-1) if the front end wants the ring to be polled.
  [[nodiscard]] Violation set_kick(Fd kick, const MemoryTable& memory);
  void set_call(Fd call);
  // Translates the ring's addresses, and starts the ring if it has become complete. Call it after the memory
  // table was replaced.
  [[nodiscard]] Violation find(const MemoryTable& memory);
  // Stops the ring and closes its kick; the next kick starts it again. Returns the index of the first
  // available entry that was not consumed.
  uint16_t stop();

  [[nodiscard]] bool live() const { return live_; }
  [[nodiscard]] int kick() const { return kick_.number(); }

  // Publishes the used entries, and interrupts the driver if it wants that. Returns whether an interrupt was
  // sent.
  bool publish();

  Ring ring;
  bool enabled = false;

 private:
  [[nodiscard]] Violation locate(const MemoryTable& memory, Ring::Parts& parts) const;
  void interrupt() const;

  uint32_t size_ = 0;
  uint16_t base_ = 0;
  bool addressed_ = false;
  bool kicked_ = false;
  bool live_ = false;
  RingAddresses addresses_{};
  Fd kick_;
  Fd call_;
};

}  // namespace tsvde::vhost
