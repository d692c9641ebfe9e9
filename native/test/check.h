// A minimal test harness: TEST defines and registers a test; CHECK prints a failed condition and continues.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace tsvde::test {

struct Test {
  const char* file;
  const char* name;
  void (*body)();
};

inline std::vector<Test>& tests() {
  static std::vector<Test> all;
  return all;
}

inline int& failures() {
  static int count = 0;
  return count;
}

struct Registration {
  Registration(const char* file, const char* name, void (*body)()) { tests().push_back({file, name, body}); }
};

#define TSVDE_JOIN2(a, b) a##b
#define TSVDE_JOIN(a, b) TSVDE_JOIN2(a, b)
#define TEST(name)                                                                                           \
  static void TSVDE_JOIN(test_, __LINE__)();                                                                 \
  static const ::tsvde::test::Registration TSVDE_JOIN(registration_, __LINE__)(__FILE__, name,               \
                                                                               TSVDE_JOIN(test_, __LINE__)); \
  static void TSVDE_JOIN(test_, __LINE__)()

#define CHECK(condition)                                                  \
  do {                                                                    \
    if (!(condition)) {                                                   \
      std::printf("%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
      ::tsvde::test::failures()++;                                        \
    }                                                                     \
  } while (false)

struct Skipped {
  std::string why;
};

// Ends a test that cannot run on this machine. Only for the test's own thread.
[[noreturn]] inline void skip(std::string why) {
  throw Skipped{std::move(why)};
}

// Random numbers, the same in each run.
inline std::mt19937& random() {
  static std::mt19937 generator(20060817);
  return generator;
}

inline uint32_t random_below(uint32_t limit) {
  return std::uniform_int_distribution<uint32_t>(0, limit - 1)(random());
}

// Returns the number of rounds for a single-threaded random test: a tenth of `all` if TSVDE_QUICK is set or
// under the thread sanitizer, which can find nothing in one thread.
inline int rounds(int all) {
#ifdef __SANITIZE_THREAD__
  return all / 10;
#else
  return std::getenv("TSVDE_QUICK") != nullptr ? all / 10 : all;
#endif
}

}  // namespace tsvde::test
