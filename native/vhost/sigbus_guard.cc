#include "vhost/sigbus_guard.h"

#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <mutex>
#include <utility>

namespace tsvde::vhost {

// The handler reads `thread` of any slot, but the other fields only of its own thread's slots, which no other
// thread changes.
struct Slot {
  std::atomic<pid_t> thread = 0;  // 0: free
  std::atomic<uintptr_t> begin = 0;
  std::atomic<size_t> size = 0;
  std::atomic<std::atomic<bool>*> vanished = nullptr;
};

namespace {

static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<uintptr_t>::is_always_lock_free);

std::array<Slot, 4096> slots;
std::mutex mutex;  // for the two variables below, and for reserving and releasing slots
size_t guarded = 0;
struct sigaction previous {};

void pass_on(int signal, siginfo_t* info, void* context) {
  if ((previous.sa_flags & SA_SIGINFO) != 0) return previous.sa_sigaction(signal, info, context);
  if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) return previous.sa_handler(signal);
  // There is no other handler: the repeated access or signal now ends the process.
  ::signal(SIGBUS, SIG_DFL);
  if (info->si_code <= 0) raise(SIGBUS);
}

void on_sigbus(int signal, siginfo_t* info, void* context) {
  const int before = errno;
  const auto address = reinterpret_cast<uintptr_t>(info->si_addr);
  const pid_t thread = gettid();
  for (Slot& slot : slots) {
    if (info->si_code <= 0) break;  // sent by a process, without an address
    if (slot.thread.load(std::memory_order_acquire) != thread) continue;
    const uintptr_t begin = slot.begin;
    if (address - begin >= slot.size) continue;
    void* const at = reinterpret_cast<void*>(begin);  // NOLINT(performance-no-int-to-ptr)
    const void* mapped = mmap(at, slot.size, PROT_READ | PROT_WRITE,
                              MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapped == MAP_FAILED) break;
    slot.vanished.load()->store(true);
    errno = before;
    return;
  }
  pass_on(signal, info, context);
  errno = before;
}

void install() {
  struct sigaction ours {};
  ours.sa_sigaction = on_sigbus;
  ours.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigfillset(&ours.sa_mask);
  sigaction(SIGBUS, &ours, &previous);
}

// Does nothing if another handler has replaced ours.
void uninstall() {
  struct sigaction current {};
  sigaction(SIGBUS, nullptr, &current);
  if ((current.sa_flags & SA_SIGINFO) != 0 && current.sa_sigaction == on_sigbus)
    sigaction(SIGBUS, &previous, nullptr);
}

void unblock() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGBUS);
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

}  // namespace

GuardedRange::GuardedRange(GuardedRange&& other) noexcept : slot_(std::exchange(other.slot_, nullptr)) {}

GuardedRange& GuardedRange::operator=(GuardedRange&& other) noexcept {
  std::swap(slot_, other.slot_);
  return *this;
}

GuardedRange::~GuardedRange() {
  if (slot_ == nullptr) return;
  const std::lock_guard lock(mutex);
  slot_->thread.store(0, std::memory_order_release);
  if (--guarded == 0) uninstall();
}

bool GuardedRange::guard(void* begin, size_t size, std::atomic<bool>& vanished) {
  const std::lock_guard lock(mutex);
  for (Slot& slot : slots) {
    if (slot.thread != 0) continue;
    slot.begin = reinterpret_cast<uintptr_t>(begin);
    slot.size = size;
    slot.vanished = &vanished;
    slot.thread.store(gettid(), std::memory_order_release);
    if (guarded++ == 0) install();
    unblock();
    slot_ = &slot;
    return true;
  }
  return false;
}

}  // namespace tsvde::vhost
