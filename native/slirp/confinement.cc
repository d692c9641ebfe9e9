// Confines the process in several steps; see confinement.h. Their order matters: each step needs something
// that a later step takes away.
#include "slirp/confinement.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "confine/capabilities.h"
#include "confine/landlock.h"
#include "confine/seccomp.h"
#include "engine/fd.h"
#include "slirp/private_root.h"

namespace tsvde::slirp {
namespace {

// The user and the group `nobody`, given as a number, since looking up the name may query a server.
constexpr uid_t kNobody = 65534;

// Becomes `nobody` if the process is root. Returns false if it is still root, as in a container with one
// user.
bool leave_root() {
  if (geteuid() != 0) return true;
  (void)setgroups(0, nullptr);  // fails where setgroups(2) is denied for good
  (void)setresgid(kNobody, kNobody, kNobody);
  return setresuid(kNobody, kNobody, kNobody) == 0;
}

bool restrict_files(bool serves_current) {
  const Fd resolver(open(resolver_directory().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  const Fd current(open(".", O_PATH | O_DIRECTORY | O_CLOEXEC));
  std::vector<int> readable;
  if (resolver.number() >= 0) readable.push_back(resolver.number());
  if (serves_current) readable.push_back(current.number());
  return confine::read_only_below(readable);
}

// The system calls of libslirp, GLib and libc, the frequent ones first. Some of them exist only on some
// architectures.
constexpr int kCalls[] = {
#ifdef SYS_poll
    SYS_poll,
#endif
    SYS_ppoll,
    SYS_recvmmsg,
    SYS_sendmmsg,
    SYS_clock_gettime,
#ifdef SYS_recv
    SYS_recv,
#endif
    SYS_recvfrom,
    SYS_recvmsg,
#ifdef SYS_send
    SYS_send,
#endif
    SYS_sendto,
    SYS_sendmsg,
    SYS_read,
    SYS_readv,
    SYS_write,
    SYS_writev,
    SYS_close,
    SYS_connect,
    SYS_bind,
    SYS_socketpair,
    SYS_accept4,
#ifdef SYS_accept
    SYS_accept,
#endif
    SYS_listen,
    SYS_shutdown,
    SYS_getsockname,
    SYS_getpeername,
    SYS_getsockopt,
    SYS_setsockopt,
    SYS_dup,
    SYS_dup3,
    SYS_fstat,
#ifdef SYS_newfstatat
    SYS_newfstatat,
#endif
#ifdef SYS_fstatat64
    SYS_fstatat64,
#endif
#ifdef SYS_stat
    SYS_stat,
#endif
    SYS_statx,
    SYS_lseek,
#ifdef SYS__llseek
    SYS__llseek,
#endif
    SYS_pread64,
    SYS_brk,
    SYS_munmap,
    SYS_mremap,
    SYS_madvise,
    SYS_gettimeofday,
#ifdef SYS_time
    SYS_time,
#endif
#ifdef SYS_clock_gettime64
    SYS_clock_gettime64,
    SYS_ppoll_time64,
    SYS_recvmmsg_time64,
    SYS_futex_time64,
#endif
    SYS_clock_nanosleep,
    SYS_getrandom,
    SYS_getpid,
    SYS_gettid,
    SYS_futex,
    SYS_sysinfo,
    SYS_rt_sigaction,
    SYS_rt_sigprocmask,
    SYS_rt_sigreturn,
    SYS_restart_syscall,
    SYS_exit,
    SYS_exit_group,
};

bool restrict_calls() {
  confine::AllowList list;
  list.allow(kCalls);
  const auto allow_if = [&](int call, unsigned argument, uint32_t mask,
                            std::initializer_list<uint32_t> values, int error) {
    list.allow_if(call, argument, mask, {values.begin(), values.end()}, error);
  };
  // socket(2) refuses a unix socket with an error: for if_nametoindex(3), libc tries a unix socket first and
  // then an Internet socket. The relays use socketpair(2).
  allow_if(SYS_socket, 0, ~0U, {AF_INET, AF_INET6}, EAFNOSUPPORT);
  allow_if(SYS_openat, 2, O_ACCMODE | O_CREAT | O_TRUNC, {O_RDONLY}, EACCES);
#ifdef SYS_open
  allow_if(SYS_open, 1, O_ACCMODE | O_CREAT | O_TRUNC, {O_RDONLY}, EACCES);
#endif
  // F_SETOWN and F_SETSIG, which are not in the list, would let the kernel send signals to other processes.
  const std::initializer_list<uint32_t> file_commands = {F_GETFD, F_SETFD,         F_GETFL,
                                                         F_SETFL, F_DUPFD_CLOEXEC, F_DUPFD};
  allow_if(SYS_fcntl, 1, ~0U, file_commands, EPERM);
#ifdef SYS_fcntl64
  allow_if(SYS_fcntl64, 1, ~0U, file_commands, EPERM);
#endif
  // Other commands get ENOTTY: GLib asks whether stderr is a terminal before it writes a message.
  allow_if(SYS_ioctl, 1, ~0U, {FIONBIO, FIONREAD, SIOCATMARK, SIOCGIFINDEX, SIOCGIFNAME}, ENOTTY);
#ifdef SYS_mmap2
  allow_if(SYS_mmap2, 2, PROT_EXEC, {0}, 0);
#endif
#ifdef SYS_mmap
  allow_if(SYS_mmap, 2, PROT_EXEC, {0}, 0);
#endif
  allow_if(SYS_mprotect, 2, PROT_EXEC, {0}, 0);
  allow_if(SYS_tgkill, 0, ~0U, {static_cast<uint32_t>(getpid())}, 0);  // abort(3)
  return list.enter();
}

}  // namespace

std::string confine(bool serves_current) {
  std::string missing;
  const auto require = [&](bool done, const char* what) {
    if (!done) missing += (missing.empty() ? "" : ", ") + std::string(what);
  };
  constexpr rlimit kNoCore = {.rlim_cur = 0, .rlim_max = 0};
  setrlimit(RLIMIT_CORE, &kNoCore);
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  confine::bound_capabilities(0);  // the new user namespace has a bounding set of its own
  require(leave_root(), "another user than root");
  prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);  // a process that changed its user cannot write its uid_map otherwise
  const std::string failed = enter_private_root(serves_current);
  require(failed.empty(), ("namespaces (" + failed + ")").c_str());
  require(restrict_files(serves_current), "landlock");
  confine::bound_capabilities(0);
  require(confine::keep_capabilities(0), "dropped capabilities");
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  require(restrict_calls(), "seccomp");
  return missing;
}

}  // namespace tsvde::slirp
