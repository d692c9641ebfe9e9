// The features that a front end may accept (virtio 1.2, 5.1.3 and 6; vhost-user's own bit 30).
//
// No bit may ever be removed from kOfferedFeatures or kOfferedProtocol. A running QEMU reconnects to a
// restarted switch with the features that its guest accepted before; if a feature is missing, QEMU closes the
// connection at once, every time, and the guest has no network until it is restarted. Planned extensions
// (several queue pairs, packed rings, memory slots, the log for migration) only add bits. VIRTIO_F_IN_ORDER
// is a permanent promise: buffers are always used in the order in which they became available.
#pragma once

#include <cstdint>

namespace tsvde::vhost {

constexpr uint64_t bit(unsigned number) {
  return uint64_t{1} << number;
}

// kHost*: offload work that the guest may leave undone in frames that it sends. kGuest*: offload work that
// may be left undone in frames to the guest.
constexpr uint64_t kHostChecksum = bit(0);
constexpr uint64_t kGuestChecksum = bit(1);
constexpr uint64_t kGuestTso4 = bit(7);
constexpr uint64_t kGuestTso6 = bit(8);
constexpr uint64_t kGuestEcn = bit(9);
constexpr uint64_t kHostTso4 = bit(11);
constexpr uint64_t kHostTso6 = bit(12);
constexpr uint64_t kHostEcn = bit(13);
constexpr uint64_t kMergedBuffers = bit(15);  // a frame may take several of the guest's receive buffers
constexpr uint64_t kIndirect = bit(28);
constexpr uint64_t kEventIndex = bit(29);
constexpr uint64_t kProtocolFeatures = bit(30);  // without it, rings are enabled from the start
constexpr uint64_t kVersion1 = bit(32);
constexpr uint64_t kInOrder = bit(35);
constexpr uint64_t kGuestUso4 = bit(54);
constexpr uint64_t kGuestUso6 = bit(55);
constexpr uint64_t kHostUso = bit(56);

constexpr uint64_t kOffloadFeatures = kHostChecksum | kGuestChecksum | kGuestTso4 | kGuestTso6 | kGuestEcn |
                                      kHostTso4 | kHostTso6 | kHostEcn | kGuestUso4 | kGuestUso6 | kHostUso;
constexpr uint64_t kOfferedFeatures =
    kOffloadFeatures | kMergedBuffers | kIndirect | kEventIndex | kProtocolFeatures | kVersion1 | kInOrder;

constexpr uint64_t kMultiqueueProtocol = bit(0);
constexpr uint64_t kReplyAckProtocol = bit(3);
constexpr uint64_t kOfferedProtocol = kMultiqueueProtocol | kReplyAckProtocol;

}  // namespace tsvde::vhost
