// A bounded queue of bytes without locks. One thread puts bytes and one thread takes them; one thread may do
// both. Neither side ever waits for the other.
#pragma once

#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>

namespace tsvde {

// NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): see the members
class ByteRing {
 public:
  // `size` is a power of two. The kernel allocates pages of the ring only when bytes are first put there.
  explicit ByteRing(size_t size) : size_(size), bytes_(std::make_unique_for_overwrite<uint8_t[]>(size)) {}
  ByteRing(const ByteRing&) = delete;
  ByteRing& operator=(const ByteRing&) = delete;

  // Functions of the thread that puts bytes. The bytes can be taken only after publish().
  [[nodiscard]] size_t room() const { return size_ - (put_ - taken_.load(std::memory_order_acquire)); }
  // Puts `count` bytes, which must not exceed room().
  void put(const void* from, size_t count) {
    if (count == 0) return;
    const auto* bytes = static_cast<const uint8_t*>(from);
    const size_t at = put_ & (size_ - 1);
    const size_t first = size_ - at;
    if (count <= first) [[likely]] {
      std::memcpy(&bytes_[at], bytes, count);
    } else {
      std::memcpy(&bytes_[at], bytes, first);
      std::memcpy(&bytes_[0], bytes + first, count - first);
    }
    put_ += count;
  }
  // The store is sequentially consistent: FileOutput relies on this to wake a thread that is about to sleep.
  void publish() { published_.store(put_, std::memory_order_seq_cst); }

  // Functions of the thread that takes bytes. The waiting bytes are in two pieces, either of which may be
  // empty.
  [[nodiscard]] std::array<iovec, 2> waiting() const {
    const uint64_t taken = taken_.load(std::memory_order_relaxed);
    const size_t count = published_.load(std::memory_order_seq_cst) - taken;
    const size_t at = taken & (size_ - 1);
    const size_t first = std::min(count, size_ - at);
    return {iovec{&bytes_[at], first}, iovec{&bytes_[0], count - first}};
  }
  [[nodiscard]] bool empty() const {
    return published_.load(std::memory_order_seq_cst) == taken_.load(std::memory_order_relaxed);
  }
  void take(size_t count) {
    taken_.store(taken_.load(std::memory_order_relaxed) + count, std::memory_order_release);
  }

 private:
  const size_t size_;
  const std::unique_ptr<uint8_t[]> bytes_;
  // The members that each side writes are in cache lines of their own.
  alignas(64) uint64_t put_ = 0;  // accessed only by the side that puts
  std::atomic<uint64_t> published_ = 0;
  alignas(64) std::atomic<uint64_t> taken_ = 0;
};

}  // namespace tsvde
