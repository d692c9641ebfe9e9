// An Ethernet frame in the memory into which its endpoint received it, with its size, its VLAN and the kind
// of its destination. Sizes are without FCS. A frame never owns its bytes, and its tagged and its untagged
// view refer to the same bytes. Its Offload describes the work that an endpoint with offloads left undone.
//
// Invariant: no byte that anything inspects changes while the frame is routed. A guest can change its memory
// at any time, so its endpoint copies at least the headers. The other bytes of a long frame may stay in the
// guest's memory; the frame is then borrowed. Endpoints without kGathers, and whatever inspects frames, get
// the frame after gather() has copied these bytes.
#pragma once

#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "engine/offload.h"

namespace tsvde {

// The size of two addresses and the EtherType (IEEE 802.3, 3.1.1). Anything shorter is not a frame.
constexpr uint32_t kFrameHeader = 14;
constexpr uint32_t kFramePadded = 60;  // the smallest frame on a wire (802.3, 4.4.2: 64 octets with FCS)
constexpr uint32_t kFrameMax = 65535;
constexpr uint16_t kLeastEtherType = 1536;
// The size of the buffer for a frame: one byte more than the longest frame, so that truncation is noticed,
// plus room for the headers of the longest IP datagram.
constexpr uint32_t kFrameRoom = kFrameMax + 1 + 64;
constexpr uint16_t kTpid = 0x8100;  // the EtherType of a VLAN tag (802.1Q-2018, table 9-1)
constexpr uint32_t kTagAt = 12;     // the offset of the tag: after the addresses
constexpr uint32_t kTagSize = 4;

// A key of the MAC table: the address in bits 0 to 47, its first byte lowest, and the VLAN in bits 48 to 63.
using MacKey = uint64_t;

enum class Cast : uint8_t { unicast, multicast, broadcast };

struct Frame {
  // The parts as sendmmsg takes them. A received frame has one part, or, if it is borrowed, the parts in
  // `list`. The first part's iov_len is the size of the buffer before receive(), and the size of the bytes in
  // it after receive().
  std::array<iovec, 3> parts{};
  uint32_t part_count = 1;
  Cast cast = Cast::unicast;
  bool tagged = false;  // whether `vlan` comes from the tag; if not, a tag is payload
  uint16_t vlan = 0;
  Frame* other_view = nullptr;  // the same frame with or without a tag; null until needed
  Offload offload{};
  bool borrowed = false;  // the parts after the first are in the memory of the guest that sent the frame
  const iovec* list = nullptr;  // the frame's parts if `parts` may be too small for them; otherwise null

  // The first part, which always contains both addresses.
  [[nodiscard]] uint8_t* data() const { return static_cast<uint8_t*>(parts[0].iov_base); }
  [[nodiscard]] uint32_t size() const {
    size_t size = parts[0].iov_len;
    for (uint32_t i = 1; i < part_count; i++) size += all_parts()[i].iov_len;
    return static_cast<uint32_t>(size);
  }
  [[nodiscard]] std::span<const iovec> all_parts() const {
    return {list != nullptr ? list : parts.data(), part_count};
  }

  // A frame may stand for several frames on the wire. These functions return the number of frames on the
  // wire, the size of the largest frame, and the sum of their sizes.
  [[nodiscard]] uint32_t frames() const {
    if (offload.segment_size == 0) return 1;
    return (size() - offload.header_size + offload.segment_size - 1) / offload.segment_size;
  }
  [[nodiscard]] uint32_t largest() const {
    return offload.segment_size == 0 ? size() : offload.header_size + offload.segment_size;
  }
  [[nodiscard]] uint64_t bytes() const {
    if (offload.segment_size == 0) return size();
    const uint32_t before = frames() - 1;
    const uint32_t last = size() - before * offload.segment_size;
    return uint64_t{before} * std::max(largest(), kFramePadded) + std::max(last, kFramePadded);
  }

  [[nodiscard]] MacKey destination(uint16_t vlan) const { return key(data(), vlan); }
  [[nodiscard]] MacKey source(uint16_t vlan) const { return key(data() + 6, vlan); }
  [[nodiscard]] uint16_t ether_type() const { return big_endian(12); }
  // The VLAN in the tag of a frame whose EtherType is kTpid (802.1Q-2018, 9.6).
  [[nodiscard]] uint16_t vlan_id() const { return big_endian(14) & 0xfff; }
  // The end of the data if there is a length in place of the EtherType (802.3, 3.2.6), otherwise 0.
  [[nodiscard]] uint32_t data_end() const {
    const uint32_t at = kTagAt + (tagged ? kTagSize : 0);
    const uint16_t length = big_endian(at);
    return length < kLeastEtherType ? at + 2 + length : 0;
  }
  // The group bit in the first byte of the source address (802.3, 3.2.3).
  [[nodiscard]] bool source_is_group() const { return (data()[6] & 1) != 0; }

  void set_cast() {
    constexpr MacKey kEveryone = 0xffff'ffff'ffff;
    const bool group = (data()[0] & 1) != 0;
    cast = !group ? Cast::unicast : destination(0) == kEveryone ? Cast::broadcast : Cast::multicast;
  }

  // Appends zeroes up to the smallest size of a frame, so that old contents of the buffer do not leak to a
  // wire. An unsegmented datagram is not padded, since the zeroes would become payload; its segments are
  // padded when they are made.
  void pad() {
    if (size() >= kFramePadded || offload.segment_size != 0) return;
    std::memset(data() + size(), 0, kFramePadded - size());
    parts[0].iov_len = kFramePadded;
  }

  // Copies the bytes of a borrowed frame that are in the guest's memory to the frame's buffer, behind the
  // first part. There is room for them, since an endpoint does not lend a frame that is longer than the
  // buffer.
  void gather() {
    uint8_t* at = data() + parts[0].iov_len;
    for (const iovec& part : all_parts().subspan(1))
      at = std::copy_n(static_cast<const uint8_t*>(part.iov_base), part.iov_len, at);
    parts[0].iov_len = static_cast<size_t>(at - data());
    part_count = 1;
    list = nullptr;
    borrowed = false;
    // The compiler must not read the guest's memory a second time in place of the copy.
    std::atomic_signal_fence(std::memory_order_acq_rel);
  }

  // Returns a copy, for events that outlive the batch: BPDUs and captured frames. This allocates memory, so
  // forwarding must not use it.
  [[nodiscard]] std::vector<uint8_t> copy() const {
    std::vector<uint8_t> bytes;
    for (const iovec& part : all_parts()) {
      const auto* begin = static_cast<const uint8_t*>(part.iov_base);
      bytes.insert(bytes.end(), begin, begin + part.iov_len);
    }
    return bytes;
  }

  // Makes `view` this frame with a tag of priority 0 before the EtherType. `tag` is kTagSize bytes of memory
  // that the view will refer to.
  void make_tagged_view(Frame& view, uint8_t* tag) const {
    const std::array<uint8_t, kTagSize> bytes = {kTpid >> 8, kTpid & 0xff, static_cast<uint8_t>(vlan >> 8),
                                                 static_cast<uint8_t>(vlan)};
    std::ranges::copy(bytes, tag);
    view.parts = {iovec{data(), kTagAt}, iovec{tag, kTagSize}, iovec{data() + kTagAt, size() - kTagAt}};
    view.part_count = 3;
    view.list = nullptr;
    view.cast = cast;
    view.offload = offload.shifted(kTagSize);
  }

  // Sets `view` to this frame without its tag, padded with zeroes up to the smallest size of a frame.
  void make_untagged_view(Frame& view) const {
    static std::array<uint8_t, kTagSize> zeroes{};
    constexpr uint32_t kRest = kTagAt + kTagSize;
    view.parts = {iovec{data(), kTagAt}, iovec{data() + kRest, size() - kRest}, iovec{}};
    view.part_count = 2;
    view.list = nullptr;
    view.cast = cast;
    view.offload = offload.shifted(-static_cast<int>(kTagSize));
    const uint32_t left = size() - kTagSize;
    if (left >= kFramePadded || offload.segment_size != 0) return;
    view.parts[2] = {zeroes.data(), kFramePadded - left};
    view.part_count = 3;
  }

  // Returns the key of an address in a VLAN. This works on little-endian hosts only, which a static_assert in
  // mac_table.cc checks.
  static MacKey key(const uint8_t* address, uint16_t vlan) {
    MacKey mac = 0;
    std::memcpy(&mac, address, 6);
    return mac | MacKey{vlan} << 48;
  }

 private:
  [[nodiscard]] uint16_t big_endian(uint32_t at) const {
    return static_cast<uint16_t>(data()[at] << 8 | data()[at + 1]);
  }
};

}  // namespace tsvde
