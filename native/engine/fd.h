// A file descriptor with one owner.
#pragma once

#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace tsvde {

class Fd {
 public:
  explicit Fd(int number = -1) : number_(number) {}
  Fd(Fd&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() {
    if (number_ >= 0) ::close(number_);
  }

  [[nodiscard]] int number() const { return number_; }
  // Passes ownership of the descriptor to the caller.
  [[nodiscard]] int release() { return std::exchange(number_, -1); }

 private:
  int number_;
};

// Takes the result of a system call that opens a descriptor. Throws std::system_error if the call has failed.
inline Fd opened(int number, const char* call) {
  if (number < 0) throw std::system_error(errno, std::generic_category(), call);
  return Fd(number);
}

}  // namespace tsvde
