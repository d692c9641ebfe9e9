// The common part of the fuzz targets. A target reads its input as a program: bytes choose operations and
// their operands. It calls require() for whatever must be true after them. scripts/fuzz.mjs runs the targets
// under libFuzzer, and test/fuzz_corpus_test.cc runs them on the inputs in native/fuzz/corpus.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace tsvde::fuzz {

// The name of the input that is replayed; libFuzzer itself saves the input that fails.
inline const char*& input_name() {
  static const char* name = "input";
  return name;
}

inline void require(bool so, const char* what) {
  if (so) [[likely]]
    return;
  std::fprintf(stderr, "%s: not so: %s\n", input_name(), what);
  std::abort();
}

class Input {
 public:
  Input(const uint8_t* at, size_t size) : at_(at), end_(at + size) {}
  [[nodiscard]] bool empty() const { return at_ == end_; }
  // Returns a number from the next bytes; missing bytes are zero.
  template <typename T>
  T next() {
    T value{};
    const size_t size = std::min(sizeof value, static_cast<size_t>(end_ - at_));
    if (size > 0) std::memcpy(&value, at_, size);
    at_ += size;
    return value;
  }
  uint8_t byte() { return next<uint8_t>(); }
  // Returns a number below `limit`, which is at most 256.
  uint32_t below(uint32_t limit) { return byte() % limit; }
  bool one_in(uint32_t count) { return below(count) == count - 1; }
  // Returns the next `most` bytes, or as many as are left.
  std::vector<uint8_t> bytes(size_t most) {
    const size_t size = std::min(most, static_cast<size_t>(end_ - at_));
    const std::vector<uint8_t> result(at_, at_ + size);
    at_ += size;
    return result;
  }

 private:
  const uint8_t* at_;
  const uint8_t* end_;
};

struct Target {
  const char* name;
  void (*run)(Input& input);
};

// The targets of this program, of which a fuzzer has one.
inline std::vector<Target>& targets() {
  static std::vector<Target> all;
  return all;
}

struct Registration {
  explicit Registration(const Target& target) { targets().push_back(target); }
};

// Begins the function of a target. The file has the target's name.
#define FUZZ_TARGET(name)                                                      \
  static void fuzz_##name(::tsvde::fuzz::Input& input);                        \
  static const ::tsvde::fuzz::Registration registration({#name, fuzz_##name}); \
  static void fuzz_##name(::tsvde::fuzz::Input& input)

}  // namespace tsvde::fuzz
