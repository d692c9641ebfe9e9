// An Ethernet frame where the kernel put it: bytes, size, and what its two addresses say.
// Sizes are without FCS. A frame never owns its bytes; VLAN and offload descriptions will be further members
// here.
#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <cstring>

namespace tsvde {

constexpr uint32_t kFrameHeader =
    14;  // two addresses and the EtherType (IEEE 802.3, 3.1.1); shorter is no frame
constexpr uint32_t kFramePadded = 60;  // the smallest frame on a wire (802.3, 4.4.2: 64 octets with FCS)
constexpr uint32_t kFrameMax = 65535;
constexpr uint32_t kBatch = 64;  // frames received or sent by one call

// A table key: the MAC address in bits 0 to 47, first byte lowest, and its VLAN in bits 48 to 63.
using MacKey = uint64_t;

enum class Cast : uint8_t { unicast, multicast, broadcast };

struct Frame {
  iovec bytes{};  // as sendmmsg wants it; iov_len is the room before a receive and the size after it
  Cast cast = Cast::unicast;

  [[nodiscard]] uint8_t* data() const { return static_cast<uint8_t*>(bytes.iov_base); }
  [[nodiscard]] uint32_t size() const { return static_cast<uint32_t>(bytes.iov_len); }

  [[nodiscard]] MacKey destination(uint16_t vlan) const { return key(data(), vlan); }
  [[nodiscard]] MacKey source(uint16_t vlan) const { return key(data() + 6, vlan); }
  // The group bit of the first byte (802.3, 3.2.3).
  [[nodiscard]] bool source_is_group() const { return (data()[6] & 1) != 0; }

  void classify() {
    constexpr MacKey kEveryone = 0xffff'ffff'ffff;
    const bool group = (data()[0] & 1) != 0;
    cast = !group ? Cast::unicast : destination(0) == kEveryone ? Cast::broadcast : Cast::multicast;
  }

  // Zeroes up to the smallest frame: what was in the buffer before must not leak to a wire. The room is
  // there.
  void pad() {
    if (size() >= kFramePadded) return;
    std::memset(data() + size(), 0, kFramePadded - size());
    bytes.iov_len = kFramePadded;
  }

 private:
  // Little-endian hosts only, as is everything QEMU runs fast on; the static_assert in mac_table.cc says so.
  static MacKey key(const uint8_t* address, uint16_t vlan) {
    MacKey mac = 0;
    std::memcpy(&mac, address, 6);
    return mac | MacKey{vlan} << 48;
  }
};

}  // namespace tsvde
