// The reasons for which a front end is refused, each with a name for a counter and a sentence for the log. A
// back end does nothing more after a violation.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace tsvde::vhost {

#define TSVDE_VHOST_VIOLATIONS(X)                                                                   \
  X(none, "")                                                                                       \
  X(bad_version, "a message is not a request of protocol version 1")                                \
  X(bad_size, "a message has a size that its type cannot have")                                     \
  X(bad_descriptors, "a message has descriptors that its type does not take, or lacks them")        \
  X(bad_ring_index, "a message names a ring beyond the first pair of queues")                       \
  X(reply_blocked, "replies are not read")                                                          \
  X(bad_features, "features that were not offered are accepted")                                    \
  X(no_version_1, "the device is accepted without VIRTIO_F_VERSION_1")                              \
  X(not_an_eventfd, "a kick or call descriptor is not an eventfd")                                  \
  X(bad_region_count, "the memory table has no region, or more than 8")                             \
  X(empty_region, "a memory region is empty")                                                       \
  X(region_overflow, "a memory region ends beyond the address space")                               \
  X(unaligned_region, "a memory region does not begin and end with a page")                         \
  X(overlapping_regions, "memory regions overlap")                                                  \
  X(remote_memory, "a memory region is a file whose pages another process or machine provides")     \
  X(memory_can_shrink, "a memory region has no seal that prevents it from shrinking")               \
  X(short_file, "a memory region is longer than its file")                                          \
  X(unmappable, "a memory region cannot be mapped")                                                 \
  X(memory_vanished, "memory was truncated while it was in use")                                    \
  X(ring_running, "the size or the base of a running ring is changed")                              \
  X(bad_ring_size, "the size of a ring is not a power of two up to 32768")                          \
  X(bad_ring_base, "the base of a ring has more than 16 bits")                                      \
  X(unaligned_ring, "a part of a ring is not aligned")                                              \
  X(ring_outside_memory, "a part of a ring is not in one memory region")                            \
  X(bad_available_index, "the available index of a ring has jumped")                                \
  X(bad_descriptor_index, "a descriptor's index is beyond its table")                               \
  X(chain_too_long, "a descriptor chain is a loop or has too many parts")                           \
  X(wrong_direction, "a descriptor is read-only where it must be written, or write-only")           \
  X(buffer_outside_memory, "a descriptor refers to addresses that no memory region has")            \
  X(unexpected_indirect, "an indirect descriptor was not negotiated, is nested or is not the last") \
  X(bad_indirect_table, "an indirect table has a bad size or alignment, or is not in one region")   \
  X(receive_buffer_too_small, "a receive buffer has no room for a header")

enum class Violation : uint8_t {
#define X(name, text) name,
  TSVDE_VHOST_VIOLATIONS(X)
#undef X
};

struct ViolationText {
  const char* name;
  const char* text;
};

constexpr std::array kViolations = {
#define X(name, text) ViolationText{#name, text},
    TSVDE_VHOST_VIOLATIONS(X)
#undef X
};

constexpr const char* name_of(Violation violation) {
  return kViolations[static_cast<size_t>(violation)].name;
}

constexpr const char* text_of(Violation violation) {
  return kViolations[static_cast<size_t>(violation)].text;
}

}  // namespace tsvde::vhost
