// Every reason a frame is counted or dropped, in one list. "Receive" is what the switch received from the
// port. The names cross to TypeScript as they stand; a drop is named DIRECTION_drop_REASON.
#pragma once

#include <array>
#include <cstdint>

namespace tsvde {

#define TSVDE_COUNTERS(X)                                                                \
  X(receive_bytes)                                                                       \
  X(receive_unicast)                                                                     \
  X(receive_multicast)                                                                   \
  X(receive_broadcast)                                                                   \
  X(receive_drop_too_short)   /* fewer than 14 bytes */                                  \
  X(receive_drop_too_long)    /* more than 65535 bytes */                                \
  X(receive_drop_same_port)   /* its destination is on the port it came from */          \
  X(receive_drop_vlan)        /* its VLAN is none of the port's */                       \
  X(receive_drop_discarding)  /* spanning tree holds the port shut */                    \
  X(receive_drop_bpdu_rate)   /* more BPDUs than spanning tree looks at */               \
  X(receive_drop_stranger)    /* from another sender than the port's peer */             \
  X(receive_drop_own_echo)    /* a multicast that we sent ourselves */                   \
  X(receive_drop_bad_length)  /* a stream's length that no frame has */                  \
  X(receive_drop_bad_offload) /* an offload header that does not fit its frame */        \
  X(receive_drop_error)       /* the endpoint could not be read */                       \
  X(receive_pauses)           /* times it was left unread: where it sends was full */    \
  X(transmit_bytes)           /* transmitted: taken by an endpoint or its queue */       \
  X(transmit_unicast)                                                                    \
  X(transmit_multicast)                                                                  \
  X(transmit_broadcast)                                                                  \
  X(transmit_drop_queue_full) /* the peer does not read, and its queue is full */        \
  X(transmit_drop_too_long)   /* more than the endpoint's MTU or socket buffer takes */  \
  X(transmit_drop_peer_gone)  /* the peer's data socket is closed */                     \
  X(transmit_drop_interface_down)                                                        \
  X(transmit_drop_error)  /* any other refusal by the kernel */                          \
  X(transmit_drop_closed) /* still in the queue when the endpoint left */                \
  X(transmit_stalls)      /* times it made no room for sources that were held for it */  \
  X(queue_frames)         /* these three are gauges, filled in when counters are read */ \
  X(queue_bytes)                                                                         \
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
