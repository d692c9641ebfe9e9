#include "test/failing.h"

#include <dlfcn.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <new>

namespace tsvde::test {
namespace {

std::atomic<pid_t> failing_thread = 0;  // 0: none
std::atomic<uint32_t> seen = 0;
uint32_t fails_from = 0;
uint32_t fails_count = 0;

// Returns whether this allocation must fail.
bool must_fail() {
  if (failing_thread == 0 || failing_thread != gettid()) return false;
  const uint32_t index = ++seen;
  return index >= fails_from && index - fails_from < fails_count;
}

}  // namespace

Failing::Failing(pid_t thread, uint32_t first, uint32_t count) {
  seen = 0;
  fails_from = first;
  fails_count = count;
  failing_thread = thread;
}

Failing::~Failing() {
  failing_thread = 0;
}

// NOLINTNEXTLINE(readability-convert-member-functions-to-static): only while an object exists
bool Failing::reached() const {
  return seen >= fails_from;
}

}  // namespace tsvde::test

namespace {

// Returns the function that ours hides: that of the sanitizer, which still finds leaks and mismatches.
template <typename Function>
Function* hidden(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

using New = void*(size_t);
using NothrowNew = void*(size_t, const std::nothrow_t&);
using AlignedNew = void*(size_t, std::align_val_t);
using AlignedNothrowNew = void*(size_t, std::align_val_t, const std::nothrow_t&);

}  // namespace

void* operator new(size_t size) {
  static New* const real = hidden<New>("_Znwm");
  if (tsvde::test::must_fail()) throw std::bad_alloc();
  return real(size);
}

void* operator new[](size_t size) {
  static New* const real = hidden<New>("_Znam");
  if (tsvde::test::must_fail()) throw std::bad_alloc();
  return real(size);
}

void* operator new(size_t size, const std::nothrow_t& tag) noexcept {
  static NothrowNew* const real = hidden<NothrowNew>("_ZnwmRKSt9nothrow_t");
  return tsvde::test::must_fail() ? nullptr : real(size, tag);
}

void* operator new[](size_t size, const std::nothrow_t& tag) noexcept {
  static NothrowNew* const real = hidden<NothrowNew>("_ZnamRKSt9nothrow_t");
  return tsvde::test::must_fail() ? nullptr : real(size, tag);
}

void* operator new(size_t size, std::align_val_t alignment) {
  static AlignedNew* const real = hidden<AlignedNew>("_ZnwmSt11align_val_t");
  if (tsvde::test::must_fail()) throw std::bad_alloc();
  return real(size, alignment);
}

void* operator new[](size_t size, std::align_val_t alignment) {
  static AlignedNew* const real = hidden<AlignedNew>("_ZnamSt11align_val_t");
  if (tsvde::test::must_fail()) throw std::bad_alloc();
  return real(size, alignment);
}

void* operator new(size_t size, std::align_val_t alignment, const std::nothrow_t& tag) noexcept {
  static AlignedNothrowNew* const real = hidden<AlignedNothrowNew>("_ZnwmSt11align_val_tRKSt9nothrow_t");
  return tsvde::test::must_fail() ? nullptr : real(size, alignment, tag);
}

void* operator new[](size_t size, std::align_val_t alignment, const std::nothrow_t& tag) noexcept {
  static AlignedNothrowNew* const real = hidden<AlignedNothrowNew>("_ZnamSt11align_val_tRKSt9nothrow_t");
  return tsvde::test::must_fail() ? nullptr : real(size, alignment, tag);
}

// The thread sanitizer maps memory before its own mmap() can be found.
#ifndef __SANITIZE_THREAD__
extern "C" void* mmap(void* at, size_t size, int protection, int flags, int fd, off_t offset) noexcept {
  static auto* const real = hidden<void*(void*, size_t, int, int, int, off_t)>("mmap");
  if (!tsvde::test::must_fail()) return real(at, size, protection, flags, fd, offset);
  errno = ENOMEM;
  return MAP_FAILED;
}
#endif
