// Gives up privileges in every thread of the process. Capabilities and no_new_privs belong to threads in
// Linux, and Node has several before any JavaScript runs; libc has a call for all threads only for user and
// group.
#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <set>
#include <vector>

#include "addon/addon.h"
#include "confine/capabilities.h"

namespace confine = tsvde::confine;

namespace {

// The signal by which libc itself reaches every thread, for setuid(2) and the like (nptl(7)). libc's
// functions cannot block this signal, so it reaches even the engine's threads, which block all other signals.
// We borrow it for a moment.
constexpr int kSignal = 33;

// The kernel's struct sigaction. Only its first member is at the same place on all architectures that we
// know.
struct KernelAction {
  void (*handler)(int);
  unsigned long flags;
  void (*restorer)();
  uint64_t mask;
};

std::atomic<uint64_t> kept_capabilities;
std::atomic<uint64_t> passed_on;
std::atomic<int> pending;
std::atomic<int> failed;

// Runs in each thread, in a signal handler, so it makes only system calls.
void drop(int) {
  const int saved = errno;
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  confine::keep_capabilities(~confine::Capabilities{0});  // makes all that are permitted effective
  confine::bound_capabilities(passed_on);  // fails unless the user is root; other users pass none on anyway
  if (!confine::keep_capabilities(kept_capabilities)) failed = errno;
  errno = saved;
  pending--;
}

std::vector<pid_t> threads() {
  std::vector<pid_t> found;
  DIR* directory = opendir("/proc/self/task");
  if (directory == nullptr) return found;
  while (const dirent* entry = readdir(directory))
    if (const auto thread = static_cast<pid_t>(std::atoi(entry->d_name)); thread > 0) found.push_back(thread);
  closedir(directory);
  return found;
}

// Waits until every thread that was signalled has answered. A thread answers at once unless it has just
// ended.
bool wait_for_threads() {
  constexpr timespec kPause = {.tv_sec = 0, .tv_nsec = 100'000};
  for (int i = 0; i < 20'000 && pending > 0; i++) nanosleep(&kPause, nullptr);
  return pending == 0;
}

// Runs `action` in every thread. Returns 0 or an errno. Threads that are started meanwhile are found by
// looking again until there is no new one.
int in_every_thread(void (*action)(int)) {
  constexpr size_t kMask = 8;
  // An action that libc has installed has what ours needs besides the handler: the function that returns from
  // it.
  struct sigaction any {};
  any.sa_handler = [](int) {};
  struct sigaction old {};
  KernelAction ours{};
  KernelAction before{};
  sigaction(SIGRTMAX, &any, &old);
  syscall(SYS_rt_sigaction, SIGRTMAX, nullptr, &ours, kMask);
  sigaction(SIGRTMAX, &old, nullptr);
  ours.handler = action;
  ours.flags |= SA_RESTART;
  if (syscall(SYS_rt_sigaction, kSignal, &ours, &before, kMask) != 0) return errno;
  failed = 0;
  pending = 1;
  action(0);
  std::set<pid_t> told = {static_cast<pid_t>(syscall(SYS_gettid))};
  bool answered = true;
  for (bool again = true; again && answered;) {
    again = false;
    const std::vector<pid_t> found = threads();
    if (found.empty()) {
      syscall(SYS_rt_sigaction, kSignal, &before, nullptr, kMask);
      return ENOENT;  // without /proc/self/task, the other threads would keep their capabilities
    }
    for (const pid_t thread : found) {
      if (!told.insert(thread).second) continue;
      again = true;
      pending++;
      if (syscall(SYS_tgkill, getpid(), thread, kSignal) != 0) pending--;  // it has ended
    }
    answered = wait_for_threads();
  }
  syscall(SYS_rt_sigaction, kSignal, &before, nullptr, kMask);
  return answered ? failed.load() : ETIMEDOUT;
}

confine::Capabilities capabilities(const Napi::Value& value) {
  const auto numbers = value.As<Napi::Array>();
  confine::Capabilities all = 0;
  for (uint32_t i = 0; i < numbers.Length(); i++)
    all |= confine::capability(numbers.Get(i).As<Napi::Number>().Int32Value());
  return all;
}

// Takes the numbers of the capabilities that are kept, and of those that programs which we start may have.
void drop_privileges(const Napi::CallbackInfo& info) {
  kept_capabilities = capabilities(info[0]);
  passed_on = capabilities(info[1]);
  if (const int error = in_every_thread(drop); error != 0) throw errno_error(info.Env(), error, "capset");
}

// Sets the groups that the account database gives the user, or only `group` for a user who is not in it.
int set_groups(uid_t user, gid_t group) {
  const passwd* account = getpwuid(user);
  return account != nullptr ? initgroups(account->pw_name, group) : setgroups(1, &group);
}

// Becomes another user: libc changes the user of every thread. The permitted capabilities are kept;
// drop_privileges() makes those effective that remain.
void become_user(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto user = info[0].As<Napi::Number>().Uint32Value();
  const auto group = info[1].As<Napi::Number>().Uint32Value();
  const int error = in_every_thread([](int) {
    prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
    pending--;
  });
  if (error != 0) throw errno_error(env, error, "prctl");
  if (set_groups(user, group) != 0) throw errno_error(env, errno, "setgroups");
  if (setresgid(group, group, group) != 0) throw errno_error(env, errno, "setresgid");
  if (setresuid(user, user, user) != 0) throw errno_error(env, errno, "setresuid");
}

// Returns the primary group of a user; undefined for a user who is not in the account database.
Napi::Value primary_group(const Napi::CallbackInfo& info) {
  const passwd* account = getpwuid(info[0].As<Napi::Number>().Uint32Value());
  return account == nullptr ? info.Env().Undefined() : Napi::Number::New(info.Env(), account->pw_gid);
}

Napi::Value has_capability(const Napi::CallbackInfo& info) {
  __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct sets[2] = {};
  const int number = info[0].As<Napi::Number>();
  const bool has =
      syscall(SYS_capget, &header, sets) == 0 && ((sets[number / 32].effective >> (number % 32)) & 1) != 0;
  return Napi::Boolean::New(info.Env(), has);
}

// Checks with the effective user and its capabilities; access(2) would check with the real user.
void check_read_write(const Napi::CallbackInfo& info) {
  const std::string path = info[0].As<Napi::String>();
  if (faccessat(AT_FDCWD, path.c_str(), R_OK | W_OK, AT_EACCESS) == 0) return;
  throw errno_error(info.Env(), errno, "access", path);
}

}  // namespace

void init_privileges(Napi::Env env, Napi::Object exports) {
  exports.Set("dropPrivileges", Napi::Function::New(env, drop_privileges));
  exports.Set("becomeUser", Napi::Function::New(env, become_user));
  exports.Set("primaryGroup", Napi::Function::New(env, primary_group));
  exports.Set("hasCapability", Napi::Function::New(env, has_capability));
  exports.Set("checkReadWrite", Napi::Function::New(env, check_read_write));
}
