#include "confine/every_thread.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <iterator>
#include <new>
#include <set>
#include <span>
#include <vector>

namespace tsvde::confine {
namespace {

// The signal by which libc itself reaches every thread, for setuid(2) and the like (nptl(7)). No thread can
// block it by libc's functions, as engine threads block all others. We borrow it for a moment.
constexpr int kSignal = 33;
constexpr size_t kMask = 8;

// The kernel's struct sigaction. Only its first member is at the same place on all architectures that we
// know.
struct KernelAction {
  void (*handler)(int);
  unsigned long flags;
  void (*restorer)();
  uint64_t mask;
};

void (*wanted)();
// The threads that were sent the signal; each clears its slot after running `wanted`. 0: free.
std::array<std::atomic<pid_t>, 64> told;

pid_t own_thread() {
  return static_cast<pid_t>(syscall(SYS_gettid));
}

void on_signal(int) {
  const int saved = errno;
  wanted();
  errno = saved;
  const pid_t self = own_thread();
  for (auto& thread : told)
    if (thread == self) {
      thread = 0;
      return;  // from here on, the slots may be those of the next threads
    }
}

// Makes `on_signal` the handler, and returns the previous one. An action that libc has installed has what
// ours needs besides the handler: the function that returns from it.
bool install(KernelAction& before) {
  struct sigaction any {};
  any.sa_handler = [](int) {};
  struct sigaction old {};
  KernelAction ours{};
  sigaction(SIGRTMAX, &any, &old);
  syscall(SYS_rt_sigaction, SIGRTMAX, nullptr, &ours, kMask);
  sigaction(SIGRTMAX, &old, nullptr);
  ours.handler = on_signal;
  ours.flags |= SA_RESTART;
  return syscall(SYS_rt_sigaction, kSignal, &ours, &before, kMask) == 0;
}

// Returns all threads; none, with errno set, if they cannot be listed.
std::vector<pid_t> threads() {
  std::vector<pid_t> found;
  DIR* directory = opendir("/proc/self/task");
  if (directory == nullptr) return found;
  errno = 0;
  while (const dirent* entry = readdir(directory))
    if (const auto thread = static_cast<pid_t>(std::atoi(entry->d_name)); thread > 0) found.push_back(thread);
  const int error = errno;
  if (error != 0) found.clear();
  closedir(directory);
  errno = error;
  return found;
}

// Returns whether a thread has ended. A thread that has ended may still be listed, as a zombie, and a signal
// to it is accepted and never handled.
bool has_ended(pid_t thread) {
  char path[64];
  std::snprintf(path, sizeof path, "/proc/self/task/%d/stat", thread);
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return errno == ENOENT;
  char text[128] = {};
  const ssize_t size = read(file, text, sizeof text - 1);
  const bool is_gone = size < 0 && errno == ESRCH;
  close(file);
  const char* const name_end = std::strrchr(text, ')');  // the state follows the name
  return is_gone || (name_end != nullptr && std::strchr("ZX", name_end[2]) != nullptr);
}

// Makes up to told.size() other threads run the handler at the same time, since waking a thread takes longer
// than the handler. Waits until each has run it, or has ended. Returns 0 or an errno.
int run_in(std::span<const pid_t> threads) {
  constexpr int kYields = 100;  // most threads answer meanwhile
  constexpr timespec kPause = {.tv_sec = 0, .tv_nsec = 100'000};
  constexpr int kPauses = 20'000;  // two seconds
  const auto is_over = [] {
    return std::ranges::all_of(told, [](const auto& thread) { return thread == 0; });
  };
  std::ranges::copy(threads, told.begin());
  int error = 0;
  for (auto& thread : told) {
    if (thread == 0 || (error == 0 && syscall(SYS_tgkill, getpid(), pid_t{thread}, kSignal) == 0)) continue;
    if (error == 0 && errno != ESRCH) error = errno;
    thread = 0;
  }
  for (int i = 0; i < kYields && !is_over(); i++) sched_yield();
  for (int i = 0; i < kPauses && !is_over(); i++) {
    nanosleep(&kPause, nullptr);
    for (auto& thread : told)
      if (thread != 0 && has_ended(thread)) thread = 0;
  }
  return error != 0 ? error : is_over() ? 0 : ETIMEDOUT;
}

// Runs the handler in all other threads. New ones are found by looking again until there are none.
int run_in_others() {
  std::set<pid_t> known = {own_thread()};
  for (;;) {
    const std::vector<pid_t> found = threads();
    if (found.empty()) return errno != 0 ? errno : ENOENT;
    std::vector<pid_t> fresh;
    std::ranges::copy_if(found, std::back_inserter(fresh),
                         [&](pid_t thread) { return known.insert(thread).second; });
    if (fresh.empty()) return 0;
    for (std::span<const pid_t> rest = fresh; !rest.empty();) {
      const auto next = rest.first(std::min(rest.size(), told.size()));
      if (const int error = run_in(next); error != 0) return error;
      rest = rest.subspan(next.size());
    }
  }
}

}  // namespace

int in_every_thread(void (*action)()) {
  wanted = action;
  for (auto& thread : told) thread = 0;  // after a call that has failed
  KernelAction before{};
  if (!install(before)) return errno;
  action();
  int error = 0;
  try {
    error = run_in_others();
  } catch (const std::bad_alloc&) {
    error = ENOMEM;
  }
  syscall(SYS_rt_sigaction, kSignal, &before, nullptr, kMask);
  return error;
}

}  // namespace tsvde::confine
