#include "vhost/chain.h"

namespace tsvde::vhost {

// An indirect descriptor may follow others, but must be the last (2.7.5.3). Its writable flag is ignored.
bool Chain::enter(const Descriptor& indirect) {
  constexpr uint32_t kSize = sizeof(Descriptor);
  if (!indirect_ || (indirect.flags & kDescriptorNext) != 0) return refuse(Violation::unexpected_indirect);
  const uint32_t count = indirect.length / kSize;
  uint8_t* const table = memory_.all_at_guest(indirect.address, indirect.length);
  if (table == nullptr || count == 0 || count > kPartsMost || indirect.length % kSize != 0 ||
      indirect.address % kSize != 0)
    return refuse(Violation::bad_indirect_table);
  table_ = reinterpret_cast<Descriptor*>(table);
  count_ = count;
  index_ = 0;
  indirect_ = false;
  return true;
}

}  // namespace tsvde::vhost
