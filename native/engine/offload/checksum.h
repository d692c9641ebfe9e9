// The Internet checksum (RFC 1071): a ones' complement sum of 16-bit words. Words are summed and stored in
// the byte order of memory, so that no bytes need to be swapped.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>

namespace tsvde {

class Sum {
 public:
  void add(std::span<const uint8_t> bytes) {
    const uint16_t sum = fold(words(bytes));
    // After an odd number of bytes, the two bytes of each word are swapped (RFC 1071, 2 (B)).
    sum_ += odd_ ? static_cast<uint16_t>(sum << 8 | sum >> 8) : sum;
    odd_ ^= (bytes.size() & 1) != 0;
  }
  // `word` is in the byte order of memory.
  void add_word(uint16_t word) { sum_ += word; }
  void subtract_word(uint16_t word) { sum_ += static_cast<uint16_t>(~word); }

  [[nodiscard]] uint16_t folded() const { return fold(sum_); }
  [[nodiscard]] uint16_t checksum() const { return static_cast<uint16_t>(~folded()); }

 private:
  static uint16_t fold(uint64_t sum) {
    sum = (sum & 0xffff'ffff) + (sum >> 32);
    sum = (sum & 0xffff'ffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<uint16_t>(sum);
  }

  // Sums 32 bits at a time. The two 64-bit sums cannot overflow, since that would take 2^32 words.
  static uint64_t words(std::span<const uint8_t> bytes) {
    const uint8_t* at = bytes.data();
    size_t left = bytes.size();
    uint64_t low = 0;
    uint64_t high = 0;
    for (; left >= 32; left -= 32, at += 32) {
      uint64_t eight[4];
      std::memcpy(eight, at, sizeof eight);
      for (const uint64_t one : eight) {
        low += one & 0xffff'ffff;
        high += one >> 32;
      }
    }
    for (; left >= 4; left -= 4, at += 4) {
      uint32_t four = 0;
      std::memcpy(&four, at, sizeof four);
      low += four;
    }
    uint32_t rest = 0;
    std::memcpy(&rest, at, left);
    return low + high + rest;
  }

  uint64_t sum_ = 0;
  bool odd_ = false;
};

}  // namespace tsvde
