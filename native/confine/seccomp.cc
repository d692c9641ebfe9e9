// Each rule compares the number of the system call, which is in the accumulator, and then says what happens;
// see seccomp.h.
#include "confine/seccomp.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bit>

namespace tsvde::confine {
namespace {

#if defined(__x86_64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__i386__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_I386;
#elif defined(__aarch64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#elif defined(__arm__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_ARM;
#elif defined(__riscv) && __riscv_xlen == 64
constexpr uint32_t kArchitecture = AUDIT_ARCH_RISCV64;
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_PPC64LE;
#elif defined(__s390x__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_S390X;
#else
constexpr uint32_t kArchitecture = 0;
#endif

constexpr uint16_t kLoad = BPF_LD | BPF_W | BPF_ABS;
constexpr uint16_t kEqual = BPF_JMP | BPF_JEQ | BPF_K;
constexpr uint16_t kReturn = BPF_RET | BPF_K;

constexpr uint32_t offset_of_argument(unsigned argument) {
  constexpr uint32_t kLowHalf = std::endian::native == std::endian::big ? 4 : 0;
  return static_cast<uint32_t>(offsetof(seccomp_data, args)) + 8 * argument + kLowHalf;
}

}  // namespace

AllowList::AllowList() {
  add(kLoad, offsetof(seccomp_data, arch));
  add(kEqual, kArchitecture, 1, 0);
  add(kReturn, SECCOMP_RET_KILL_PROCESS);
  add(kLoad, offsetof(seccomp_data, nr));
}

void AllowList::allow(std::span<const int> calls) {
  for (const int call : calls) {
    add(kEqual, static_cast<uint32_t>(call), 0, 1);
    add(kReturn, SECCOMP_RET_ALLOW);
  }
}

void AllowList::allow_if(int call, unsigned argument, uint32_t mask, std::span<const uint32_t> values,
                         int error) {
  const auto length = static_cast<uint8_t>(3 + 2 * values.size());
  add(kEqual, static_cast<uint32_t>(call), 0, length);
  add(kLoad, offset_of_argument(argument));
  add(BPF_ALU | BPF_AND | BPF_K, mask);
  for (const uint32_t value : values) {
    add(kEqual, value, 0, 1);
    add(kReturn, SECCOMP_RET_ALLOW);
  }
  add(kReturn, error == 0 ? SECCOMP_RET_KILL_PROCESS : SECCOMP_RET_ERRNO | static_cast<uint32_t>(error));
}

bool AllowList::enter() {
  if (kArchitecture == 0) return false;
  add(kReturn, SECCOMP_RET_KILL_PROCESS);
  const sock_fprog program = {.len = static_cast<unsigned short>(program_.size()), .filter = program_.data()};
  return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0;
}

void AllowList::add(uint16_t code, uint32_t operand, uint8_t if_true, uint8_t if_false) {
  program_.push_back({.code = code, .jt = if_true, .jf = if_false, .k = operand});
}

}  // namespace tsvde::confine
