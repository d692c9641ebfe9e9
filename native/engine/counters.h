// The counters of a port, in one list. "Receive" is what the switch receives from the port. TypeScript takes
// the names from here; a drop is named DIRECTION_drop_REASON.
#pragma once

#include <array>
#include <cstdint>

namespace tsvde {

#define TSVDE_COUNTERS(X)                                                              \
  X(receive_bytes)                                                                     \
  X(receive_unicast)                                                                   \
  X(receive_multicast)                                                                 \
  X(receive_broadcast)                                                                 \
  X(receive_drop_too_short)   /* fewer than 14 bytes */                                \
  X(receive_drop_too_long)    /* more than 65535 bytes */                              \
  X(receive_drop_same_port)   /* its destination is on the port it came from */        \
  X(receive_drop_vlan)        /* the port is not a member of its VLAN */               \
  X(receive_drop_discarding)  /* spanning tree blocks the port */                      \
  X(receive_drop_bpdu_rate)   /* more BPDUs a second than spanning tree looks at */    \
  X(receive_drop_stranger)    /* not from the peer of the port */                      \
  X(receive_drop_own_echo)    /* a multicast that we sent ourselves */                 \
  X(receive_drop_bad_length)  /* a length in a stream that no frame can have */        \
  X(receive_drop_bad_offload) /* an offload header that does not fit its frame */      \
  X(receive_drop_error)       /* reading from the endpoint failed */                   \
  X(receive_pauses)           /* times reading was paused: the destination was full */ \
  X(transmit_bytes)           /* taken by an endpoint or its queue */                  \
  X(transmit_unicast)                                                                  \
  X(transmit_multicast)                                                                \
  X(transmit_broadcast)                                                                \
  X(transmit_drop_queue_full) /* the peer does not read, and its queue is full */      \
  X(transmit_drop_too_long)   /* longer than the MTU or the socket buffer allows */    \
  X(transmit_drop_peer_gone)  /* the peer's data socket is closed */                   \
  X(transmit_drop_interface_down)                                                      \
  X(transmit_drop_error)  /* any other error of the kernel */                          \
  X(transmit_drop_closed) /* still in the queue when the endpoint was detached */      \
  X(transmit_stalls)      /* times it made no room in time for paused sources */       \
  X(queue_frames)         /* these three are gauges, set when counters are read */     \
  X(queue_bytes)                                                                       \
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

using Counters = std::array<uint64_t, kCounterCount>;

}  // namespace tsvde
