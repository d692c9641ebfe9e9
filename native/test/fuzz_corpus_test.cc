// Runs every fuzz target on the inputs that are kept for it: a few that reach all its code, and those by
// which defects were found. `npm run fuzz` looks for new ones.
#include <sanitizer/common_interface_defs.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>

#include "fuzz/target.h"
#include "test/check.h"

using namespace tsvde;
using namespace tsvde::test;
namespace fs = std::filesystem;

namespace {

constexpr const char* kCorpus = "native/fuzz/corpus";

void name_input() {
  std::fprintf(stderr, "while the fuzz target ran on %s\n", fuzz::input_name());
}

void run(const fuzz::Target& target, const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(file)), {});
  const std::string name = path.string();
  fuzz::input_name() = name.c_str();
  fuzz::Input input(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  target.run(input);
  fuzz::input_name() = "input";
}

}  // namespace

TEST("every fuzz target passes on the inputs that are kept for it") {
  __sanitizer_set_death_callback(name_input);
  for (const fuzz::Target& target : fuzz::targets()) {
    size_t count = 0;
    for (const auto& entry : fs::directory_iterator(fs::path(kCorpus) / target.name)) {
      run(target, entry.path());
      count++;
    }
    CHECK(count > 5);
  }
  __sanitizer_set_death_callback(nullptr);
}

TEST("inputs are kept for the fuzz targets, and for nothing else") {
  std::set<std::string> targets;
  std::set<std::string> kept;
  for (const fuzz::Target& target : fuzz::targets()) targets.insert(target.name);
  for (const auto& entry : fs::directory_iterator(kCorpus)) kept.insert(entry.path().filename());
  CHECK(targets == kept && !targets.empty());
}
