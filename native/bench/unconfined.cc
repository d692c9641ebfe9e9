// A library for LD_PRELOAD: with UNCONFINED in the environment, the calls by which tsvde and its programs
// give up privileges succeed without effect, or fail as on a kernel that does not have them. Only the
// benchmark uses it, to measure what these privileges cost.
#include <dlfcn.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstdlib>

namespace {

bool unconfined() {
  return getenv("UNCONFINED") != nullptr;
}

template <typename Function>
Function next(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

int fail(int error) {
  errno = error;
  return -1;
}

}  // namespace

extern "C" {

int prctl(int option, ...) {
  va_list list;
  va_start(list, option);
  unsigned long words[4];
  for (auto& word : words) word = va_arg(list, unsigned long);
  va_end(list);
  const bool confines =
      option == PR_SET_NO_NEW_PRIVS || option == PR_CAPBSET_DROP || option == PR_CAP_AMBIENT;
  if (confines && unconfined()) return 0;
  static const auto real = next<int (*)(int, ...)>("prctl");
  return real(option, words[0], words[1], words[2], words[3]);
}

long syscall(long number, ...) {
  va_list list;
  va_start(list, number);
  long words[6];
  for (auto& word : words) word = va_arg(list, long);
  va_end(list);
  const bool confines =
      number == SYS_capset || number == SYS_seccomp || number == 446;  // landlock_restrict_self
  if (confines && unconfined()) return 0;
  if (number == SYS_tgkill && unconfined()) return fail(ESRCH);  // no other thread is told either
  static const auto real = next<long (*)(long, ...)>("syscall");
  return real(number, words[0], words[1], words[2], words[3], words[4], words[5]);
}

int unshare(int flags) {
  static const auto real = next<int (*)(int)>("unshare");
  return unconfined() ? fail(EPERM) : real(flags);
}

int setresuid(uid_t user, uid_t effective, uid_t saved) {
  static const auto real = next<int (*)(uid_t, uid_t, uid_t)>("setresuid");
  return unconfined() ? 0 : real(user, effective, saved);
}

int setresgid(gid_t group, gid_t effective, gid_t saved) {
  static const auto real = next<int (*)(gid_t, gid_t, gid_t)>("setresgid");
  return unconfined() ? 0 : real(group, effective, saved);
}
}
