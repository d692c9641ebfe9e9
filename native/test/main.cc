// Runs all tests, or those whose name or file contains the argument. Exits with 0 if no test failed, with 1
// if a test failed, and with 2 if no test matches the argument. A test that cannot run on this machine is
// skipped. With CI=true and without TSVDE_QUICK, everything that tests need must be installed, so a skipped
// test counts as failed.
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <optional>

#include "test/check.h"

namespace {

// The time limit of a test: one that runs longer is assumed to hang.
constexpr unsigned kLimitSeconds = 300;
// If a test takes longer than this, its time is printed.
constexpr double kSlowSeconds = 2;

#ifdef __SANITIZE_THREAD__
constexpr const char* kVariant = "thread sanitizer";
#else
constexpr const char* kVariant = "address sanitizer";
#endif

const char* current = "";

void end_at_limit(int) {
  for (const char* text : {"timed out: ", current, "\n"}) (void)!write(STDOUT_FILENO, text, strlen(text));
  _exit(1);
}

bool is_set(const char* variable, const char* value) {
  const char* text = std::getenv(variable);
  return text != nullptr && std::strcmp(text, value) == 0;
}

// Runs a test. Returns nullopt, or the reason why the test cannot run on this machine.
std::optional<std::string> run(const tsvde::test::Test& test) {
  current = test.name;
  alarm(kLimitSeconds);
  std::optional<std::string> missing;
  const auto started = std::chrono::steady_clock::now();
  try {
    test.body();
  } catch (const tsvde::test::Skipped& skipped) {
    missing = skipped.why;
  }
  alarm(0);
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - started;
  if (taken.count() >= kSlowSeconds) std::printf("%.1f s, %s: %s\n", taken.count(), kVariant, test.name);
  return missing;
}

}  // namespace

int main(int argc, char** argv) {
  signal(SIGALRM, end_at_limit);
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  // `npm run check` sets TSVDE_QUICK and so accepts skipped tests, in CI too.
  const bool all_must_run = is_set("CI", "true") && std::getenv("TSVDE_QUICK") == nullptr;
  size_t passed = 0;
  size_t skipped = 0;
  size_t failed = 0;
  for (const auto& test : tsvde::test::tests()) {
    if (argc > 1 && !std::strstr(test.name, argv[1]) && !std::strstr(test.file, argv[1])) continue;
    const int before = tsvde::test::failures();
    const auto missing = run(test);
    if (missing) std::printf("skipped: %s: %s\n", test.name, missing->c_str());
    if (tsvde::test::failures() > before || (missing && all_must_run)) {
      std::printf("failed: %s\n", test.name);
      failed++;
    } else if (missing) {
      skipped++;
    } else {
      passed++;
    }
  }
  if (passed + skipped + failed == 0) return 2;
  std::printf("%s: %zu passed, %zu skipped", kVariant, passed, skipped);
  if (failed > 0) std::printf(", %zu failed", failed);
  std::printf("\n");
  return failed == 0 ? 0 : 1;
}
