// The blocks of a pcapng file (draft-ietf-opsawg-pcapng), in the byte order of this host, which readers
// detect from the section header. Times are nanoseconds since 1970.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "engine/time.h"

namespace tsvde::pcapng {

using Bytes = std::vector<uint8_t>;

// These functions append a block to `out`.
void add_section_header(Bytes& out, std::string_view application);
void add_interface(Bytes& out, uint32_t snap_length, std::string_view name, std::string_view description);
void add_statistics(Bytes& out, uint32_t interface, Time now, uint64_t received, uint64_t dropped);

// An Enhanced Packet Block: head(), the bytes of the frame, padding() zeroes, the comment if there is one,
// and tail(). The comment is comment_head(), the text, and zeroes up to a multiple of 4 bytes.
struct Packet {
  uint32_t interface;
  Time time;
  uint32_t captured;  // the number of bytes of the frame that are in the file
  uint32_t size;      // the size of the whole frame
  bool received;      // whether the switch has received the frame (inbound) or sends it (outbound)

  std::string_view comment{};

  static constexpr uint32_t kHead = 28;
  static constexpr uint32_t kTail = 16;
  [[nodiscard]] uint32_t padding() const { return -captured & 3; }
  [[nodiscard]] uint32_t comment_size() const {
    return comment.empty()
               ? 0
               : static_cast<uint32_t>(sizeof comment_head() + ((comment.size() + 3) & ~size_t{3}));
  }
  [[nodiscard]] uint32_t block_size() const { return kHead + captured + padding() + comment_size() + kTail; }
  [[nodiscard]] std::array<uint32_t, kHead / 4> head() const;
  [[nodiscard]] uint32_t comment_head() const;
  [[nodiscard]] std::array<uint32_t, kTail / 4> tail() const;
};

}  // namespace tsvde::pcapng
