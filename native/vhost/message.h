// The messages of a front end, as sent on the socket: a header and a payload in the host's byte order
// (QEMU docs/interop/vhost-user.rst). Descriptors come with the header, as SCM_RIGHTS.
#pragma once

#include <cstdint>

namespace tsvde::vhost {

enum class Request : uint32_t {
  get_features = 1,
  set_features = 2,
  set_owner = 3,
  reset_owner = 4,
  set_memory_table = 5,
  set_ring_size = 8,
  set_ring_addresses = 9,
  set_ring_base = 10,
  get_ring_base = 11,
  set_ring_kick = 12,
  set_ring_call = 13,
  set_ring_error = 14,
  get_protocol_features = 15,
  set_protocol_features = 16,
  get_queue_number = 17,
  set_ring_enabled = 18,
};

struct MessageHeader {
  Request request;
  uint32_t flags;
  uint32_t size;  // of the payload
};
static_assert(sizeof(MessageHeader) == 12);

constexpr uint32_t kVersionMask = 3;
constexpr uint32_t kVersion = 1;
constexpr uint32_t kReply = 4;
constexpr uint32_t kNeedsReply = 8;

// A payload of one number: features, an acknowledgement, or a ring's index with the flag kNoDescriptor.
using Number = uint64_t;
constexpr Number kRingMask = 0xff;
constexpr Number kNoDescriptor = 0x100;

struct RingNumber {
  uint32_t ring;
  uint32_t number;
};
static_assert(sizeof(RingNumber) == 8);

// User addresses: those of the front end's process. Note that the used ring precedes the available one.
struct RingAddresses {
  uint32_t ring;
  uint32_t flags;
  uint64_t descriptors;
  uint64_t used;
  uint64_t available;
  uint64_t log;
};
static_assert(sizeof(RingAddresses) == 40);

struct MemoryTableHeader {
  uint32_t count;
  uint32_t padding;
};
static_assert(sizeof(MemoryTableHeader) == 8);

struct MemoryRegion {
  uint64_t guest;  // address in the guest's physical memory, which descriptors use
  uint64_t size;
  uint64_t user;    // address in the front end's process, which ring addresses use
  uint64_t offset;  // in the file
};
static_assert(sizeof(MemoryRegion) == 32);

constexpr uint32_t kRegionsMost = 8;
constexpr uint32_t kPayloadMost = 4096;  // the limit for unknown requests; known requests have less

}  // namespace tsvde::vhost
