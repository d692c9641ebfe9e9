// An allow-list of system calls (seccomp(2)), written as a BPF program without a library.
#pragma once

#include <linux/filter.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace tsvde::confine {

class AllowList {
 public:
  AllowList();

  // Allows system calls whatever their arguments are. Frequent calls should be added first.
  void allow(std::span<const int> calls);
  // Allows a system call if the low 32 bits of the argument, masked with `mask`, are one of the values.
  // Otherwise the call fails with `error`, or ends the process if that is 0.
  void allow_if(int call, unsigned argument, uint32_t mask, std::span<const uint32_t> values, int error);

  // Ends the process at any other system call of this thread from now on. Returns false where the kernel has
  // no seccomp, or where this program does not know the architecture. no_new_privs must be set.
  [[nodiscard]] bool enter();

 private:
  void add(uint16_t code, uint32_t operand, uint8_t if_true = 0, uint8_t if_false = 0);

  std::vector<sock_filter> program_;
};

}  // namespace tsvde::confine
