// Declares the kernel's interface (include/uapi/linux/landlock.h, versions 1 to 6), and uses as much of it as
// the kernel has; see landlock.h.
#include "confine/landlock.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

namespace tsvde::confine {
namespace {

// The numbers are the same on every architecture but alpha.
constexpr long kCreateRuleset = 444;
constexpr long kAddRule = 445;
constexpr long kRestrictSelf = 446;

constexpr uint32_t kAskVersion = 1;
constexpr int kPathBeneath = 1;
constexpr int kNetPort = 2;
constexpr uint64_t kReadFile = 1U << 2;
constexpr uint64_t kBindTcp = 1U << 0;
constexpr uint64_t kAbstractUnixSockets = 1U << 0;
constexpr uint64_t kSignals = 1U << 1;

struct Ruleset {
  uint64_t files, network, scoped;
};

struct __attribute__((packed)) PathBeneath {
  uint64_t allowed;
  int32_t directory;
};

struct NetPort {
  uint64_t allowed, port;
};

// Returns all rights to files that a version knows: version 2 added REFER, 3 TRUNCATE, and 5 IOCTL_DEV.
uint64_t file_rights(long version) {
  constexpr uint64_t kFirst = (1U << 13) - 1;
  return kFirst | (version >= 2 ? 1U << 13 : 0) | (version >= 3 ? 1U << 14 : 0) |
         (version >= 5 ? 1U << 15 : 0);
}

size_t size_of_ruleset(long version) {
  return version >= 6 ? 24 : version >= 4 ? 16 : 8;
}

}  // namespace

bool read_only_below(std::span<const int> directories) {
  const long version = syscall(kCreateRuleset, nullptr, size_t{0}, kAskVersion);
  if (version < 1) return false;
  const Ruleset ruleset = {.files = file_rights(version),
                           .network = version >= 4 ? kBindTcp : 0,
                           .scoped = version >= 6 ? kAbstractUnixSockets | kSignals : 0};
  const auto rules = static_cast<int>(syscall(kCreateRuleset, &ruleset, size_of_ruleset(version), 0U));
  if (rules < 0) return false;
  bool done = true;
  for (const int directory : directories) {
    const PathBeneath rule = {.allowed = kReadFile, .directory = directory};
    done = done && syscall(kAddRule, rules, kPathBeneath, &rule, 0U) == 0;
  }
  constexpr NetPort kAnyFreePort = {.allowed = kBindTcp, .port = 0};
  if (version >= 4) done = done && syscall(kAddRule, rules, kNetPort, &kAnyFreePort, 0U) == 0;
  done = done && syscall(kRestrictSelf, rules, 0U) == 0;
  close(rules);
  return done;
}

}  // namespace tsvde::confine
