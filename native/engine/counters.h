// The names of a port's counters, in one list that TypeScript reads too. "Receive" is what the switch
// receives from the port. A counter of drops is named DIRECTION_drop_REASON.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace tsvde {

#define TSVDE_COUNTERS(X)                                                           \
  X(receive_bytes)                                                                  \
  X(receive_unicast)                                                                \
  X(receive_multicast)                                                              \
  X(receive_broadcast)                                                              \
  X(receive_drop_too_short)   /* fewer than 14 bytes */                             \
  X(receive_drop_too_long)    /* more than 65535 bytes */                           \
  X(receive_drop_same_port)   /* the destination is on the same port */             \
  X(receive_drop_vlan)        /* the port is not a member of the frame's VLAN */    \
  X(receive_drop_discarding)  /* spanning tree blocks the port */                   \
  X(receive_drop_bpdu_rate)   /* more BPDUs in this second than allowed */          \
  X(receive_drop_mirror)      /* sent by the target port of a mirror */             \
  X(receive_drop_stranger)    /* not sent by the port's peer */                     \
  X(receive_drop_own_echo)    /* our own datagram, looped back by multicast */      \
  X(receive_drop_bad_length)  /* a stream contained an impossible length */         \
  X(receive_drop_bad_offload) /* the offload header does not fit the frame */       \
  X(receive_drop_error)       /* reading from the endpoint failed */                \
  X(receive_pauses)           /* how often a full destination paused reading */     \
  X(receive_kicks)            /* how often a guest's notification was noticed */    \
  X(transmit_bytes)           /* accepted by an endpoint or its queue */            \
  X(transmit_unicast)                                                               \
  X(transmit_multicast)                                                             \
  X(transmit_broadcast)                                                             \
  X(transmit_drop_queue_full) /* no room in the queue or the kernel (ENOBUFS) */    \
  X(transmit_drop_mirror)     /* a mirror's copy, for which there was no room */    \
  X(transmit_drop_too_long)   /* longer than the MTU or the socket buffer allows */ \
  X(transmit_drop_peer_gone)  /* the peer's socket is closed or missing */          \
  X(transmit_drop_interface_down)                                                   \
  X(transmit_drop_error)  /* any other error of the kernel */                       \
  X(transmit_drop_closed) /* still in the queue when the endpoint was detached */   \
  X(transmit_stalls)      /* how often a full endpoint made no room in time */      \
  X(transmit_interrupts)  /* how often a guest was interrupted */                   \
  X(queue_frames)         /* a gauge, as are the next two: computed when read */    \
  X(queue_bytes)                                                                    \
  X(queue_limit)

enum Counter : uint32_t {
#define X(name) name,
  TSVDE_COUNTERS(X)
#undef X
      kCounterCount
};

constexpr std::array<const char*, kCounterCount> kCounterNames = {
#define X(name) #name,
    TSVDE_COUNTERS(X)
#undef X
};

// Returns the name of the reason of a counter of drops: `vlan` for receive_drop_vlan.
constexpr std::string_view drop_reason_of(Counter counter) {
  const std::string_view name = kCounterNames[counter];
  constexpr std::string_view kDrop = "_drop_";
  return name.substr(name.find(kDrop) + kDrop.size());
}

using Counters = std::array<uint64_t, kCounterCount>;

}  // namespace tsvde
