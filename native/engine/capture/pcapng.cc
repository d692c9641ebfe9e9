#include "engine/capture/pcapng.h"

#include <bit>
#include <cstring>

namespace tsvde::pcapng {
namespace {

// tail() writes an option's code and length, which are 16-bit numbers, as one 32-bit word.
static_assert(std::endian::native == std::endian::little);

constexpr uint32_t kSectionHeader = 0x0a0d'0d0a;
constexpr uint32_t kInterfaceDescription = 1;
constexpr uint32_t kInterfaceStatistics = 5;
constexpr uint32_t kEnhancedPacket = 6;

constexpr uint32_t kByteOrderMagic = 0x1a2b'3c4d;
constexpr uint16_t kLinkTypeEthernet = 1;

constexpr uint16_t kEndOfOptions = 0;
constexpr uint16_t kComment = 1;          // an option of any block
constexpr uint16_t kUserApplication = 4;  // an option of a section header
constexpr uint16_t kName = 2;             // the first of three options of an interface description
constexpr uint16_t kDescription = 3;
constexpr uint16_t kTimeResolution = 9;
constexpr uint8_t kNanoseconds = 9;  // a resolution of 10^-9 seconds
constexpr uint16_t kFlags = 2;       // an option of a packet
constexpr uint32_t kInbound = 1;
constexpr uint32_t kOutbound = 2;
constexpr uint16_t kReceived = 4;  // this and the next are options of interface statistics
constexpr uint16_t kDropped = 5;

// The longest text in an option, whose length field has 16 bits.
constexpr size_t kTextMax = 0xffff;

constexpr uint32_t high(Time time) {
  return static_cast<uint32_t>(static_cast<uint64_t>(time) >> 32);
}

constexpr uint32_t low(Time time) {
  return static_cast<uint32_t>(time);
}

// A block under construction. end() writes the block's length at its beginning and at its end.
class Block {
 public:
  Block(Bytes& out, uint32_t type) : out_(out), begin_(out.size()) {
    put(type);
    put(uint32_t{0});
  }
  template <typename Number>
  void put(Number number) {
    put(&number, sizeof number);
  }
  void option(uint16_t code, const void* value, size_t size) {
    put(code);
    put(static_cast<uint16_t>(size));
    put(value, size);
    out_.resize(out_.size() + (-size & 3));
  }
  void option(uint16_t code, std::string_view text) {
    if (!text.empty()) option(code, text.data(), std::min(text.size(), kTextMax));
  }
  template <typename Number>
  void number_option(uint16_t code, Number number) {
    option(code, &number, sizeof number);
  }
  void end() {
    put(uint32_t{kEndOfOptions});
    const auto size = static_cast<uint32_t>(out_.size() - begin_ + sizeof(uint32_t));
    put(size);
    std::memcpy(&out_[begin_ + sizeof(uint32_t)], &size, sizeof size);
  }

 private:
  void put(const void* from, size_t size) {
    const auto* bytes = static_cast<const uint8_t*>(from);
    out_.insert(out_.end(), bytes, bytes + size);
  }

  Bytes& out_;
  const size_t begin_;
};

}  // namespace

void add_section_header(Bytes& out, std::string_view application) {
  Block block(out, kSectionHeader);
  block.put(kByteOrderMagic);
  block.put(uint16_t{1});  // version 1.0
  block.put(uint16_t{0});
  block.put(int64_t{-1});  // the length of the section is unspecified
  block.option(kUserApplication, application);
  block.end();
}

void add_interface(Bytes& out, uint32_t snap_length, std::string_view name, std::string_view description) {
  Block block(out, kInterfaceDescription);
  block.put(kLinkTypeEthernet);
  block.put(uint16_t{0});
  block.put(snap_length);
  block.option(kName, name);
  block.option(kDescription, description);
  block.number_option(kTimeResolution, kNanoseconds);
  block.end();
}

void add_statistics(Bytes& out, uint32_t interface, Time now, uint64_t received, uint64_t dropped) {
  Block block(out, kInterfaceStatistics);
  block.put(interface);
  block.put(high(now));
  block.put(low(now));
  block.number_option(kReceived, received);
  block.number_option(kDropped, dropped);
  block.end();
}

std::array<uint32_t, Packet::kHead / 4> Packet::head() const {
  return {kEnhancedPacket, block_size(), interface, high(time), low(time), captured, size};
}

uint32_t Packet::comment_head() const {
  return kComment | static_cast<uint32_t>(comment.size()) << 16;
}

std::array<uint32_t, Packet::kTail / 4> Packet::tail() const {
  constexpr uint32_t kFlagsOption = kFlags | sizeof(uint32_t) << 16;
  return {kFlagsOption, received ? kInbound : kOutbound, kEndOfOptions, block_size()};
}

}  // namespace tsvde::pcapng
