// Runs all tests, or those whose name or file contains the argument. Exits with 0 if every check holds.
#include <signal.h>
#include <unistd.h>

#include <cstring>

#include "test/check.h"

namespace {

// The time limit of a test: one that runs longer is assumed to hang.
constexpr unsigned kLimitSeconds = 300;

const char* current = "";

void end_at_limit(int) {
  for (const char* text : {"timed out: ", current, "\n"}) (void)!write(STDOUT_FILENO, text, strlen(text));
  _exit(1);
}

}  // namespace

int main(int argc, char** argv) {
  signal(SIGALRM, end_at_limit);
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  size_t count = 0;
  for (const auto& [file, name, body] : tsvde::test::tests()) {
    if (argc > 1 && !std::strstr(name, argv[1]) && !std::strstr(file, argv[1])) continue;
    count++;
    current = name;
    const int before = tsvde::test::failures();
    alarm(kLimitSeconds);
    body();
    alarm(0);
    if (tsvde::test::failures() > before) std::printf("failed: %s\n", name);
  }
  std::printf("%zu engine tests, %d checks failed\n", count, tsvde::test::failures());
  if (count == 0) std::printf("no test is named like '%s'\n", argc > 1 ? argv[1] : "");
  return count > 0 && tsvde::test::failures() == 0 ? 0 : 1;
}
