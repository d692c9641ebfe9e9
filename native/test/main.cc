// Runs every test of the engine; the exit code is 0 when all hold.
#include "test/check.h"

int main() {
  for (const auto& [name, body] : tsvde::test::tests()) {
    const int before = tsvde::test::failures();
    body();
    if (tsvde::test::failures() > before) std::printf("failed: %s\n", name);
  }
  std::printf("%zu engine tests, %d checks failed\n", tsvde::test::tests().size(), tsvde::test::failures());
  return tsvde::test::failures() == 0 ? 0 : 1;
}
