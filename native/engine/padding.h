// The padding of short frames. Ethernet requires it (802.3, 4.2.3.3), and the switch adds it to each frame
// that it receives. Receivers ignore it, but a user-mode stack such as passt may take it for payload.
#pragma once

#include <cstdint>

#include "engine/frame.h"

namespace tsvde {

// Returns the size of a frame without its padding: the end of what its IPv4, IPv6 or ARP header or its 802.3
// length describes. Returns the frame's size if the frame is too long to have padding, is of another
// protocol, or has a length that is invalid.
[[nodiscard]] uint32_t size_without_padding(const Frame& frame);

}  // namespace tsvde
