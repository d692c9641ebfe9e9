// Gives up privileges: capabilities (capabilities(7)), and the gain of new ones (no_new_privs, prctl(2)). All
// functions apply to the calling thread, and to what it starts afterwards.
#pragma once

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

namespace tsvde::confine {

// A set of capabilities: bit n is the capability whose number is n.
using Capabilities = uint64_t;

constexpr Capabilities capability(int number) {
  return Capabilities{1} << number;
}

// Removes all capabilities but `kept` from the permitted and effective sets, and all from the inheritable and
// ambient sets. Returns whether that succeeded.
inline bool keep_capabilities(Capabilities kept) {
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct sets[2] = {};
  if (syscall(SYS_capget, &header, sets) != 0) return false;
  for (auto& set : sets) {
    set.permitted &= static_cast<uint32_t>(kept);
    set.effective = set.permitted;
    set.inheritable = 0;
    kept >>= 32;
  }
  return syscall(SYS_capset, &header, sets) == 0;
}

// Removes all capabilities but `kept` from the bounding set, so that no program that is executed later gets
// them. Returns false if that is not permitted: it needs CAP_SETPCAP.
inline bool bound_capabilities(Capabilities kept) {
  for (int number = 0; number < 64; number++) {
    if ((kept & capability(number)) != 0 || prctl(PR_CAPBSET_DROP, number, 0, 0, 0) == 0) continue;
    const int is_there = prctl(PR_CAPBSET_READ, number, 0, 0, 0);
    if (is_there < 0) break;  // the kernel has no more
    if (is_there > 0) return false;
  }
  return true;
}

}  // namespace tsvde::confine
