// Decides how long the engine's thread looks for more events before it sleeps: always equally long, or as
// long as looking pays. No function reads a clock; each gets the exact time. Loop thread only.
//
// The adaptive length follows KVM's halt polling. It grows while events come soon after the thread has gone
// to sleep, and is 0 after a long wait, so that an idle switch uses no CPU. Unlike KVM, the thread cannot ask
// the scheduler whether another thread waits for its CPU. It learns this from looks in vain: each doubles the
// number of short sleeps that must pass before the next look, and each successful look halves that number.
#pragma once

#include <algorithm>
#include <cstdint>

#include "engine/time.h"

namespace tsvde {

class BusyPoll {
 public:
  static constexpr Time kShortest = 10'000;
  static constexpr Time kLongest = 100'000;  // also the longest wait that counts as short
  // A longer time between two looks means that another thread had the CPU.
  static constexpr Time kGap = 20'000;
  // A shorter wait was no sleep: the events were already there.
  static constexpr Time kInstant = 2'000;
  static constexpr uint32_t kRestMost = 256;

  // Never looks.
  BusyPoll() = default;
  static BusyPoll fixed(Time length) { return {length, false}; }
  static BusyPoll adaptive() { return {0, true}; }

  [[nodiscard]] bool is_on() const { return adaptive_ || length_ > 0; }
  [[nodiscard]] Time length() const { return length_; }

  // Begins a wait. Returns whether to look before sleeping.
  [[nodiscard]] bool begin(Time now) {
    began_ = looked_ = now;
    preempted_ = false;
    return length_ > 0;
  }
  // Called after a look that has found nothing. Returns whether to look again.
  [[nodiscard]] bool goes_on(Time now) {
    preempted_ = adaptive_ && now - looked_ > kGap;
    looked_ = now;
    return !preempted_ && now - began_ < length_;
  }
  // Ends a wait in which a look has found events.
  void found() {
    if (looked_ > began_) rest_ /= 2;
  }
  // Ends a wait in which the thread went to sleep.
  void woken(Time now) {
    if (!adaptive_) return;
    const Time waited = now - began_;
    const bool is_short = waited <= kLongest && !preempted_;
    if (length_ > 0 && !is_short) {
      rest_ = std::min(2 * rest_ + 1, kRestMost);
      resting_ = rest_;
      length_ = 0;
    } else if (is_short && (length_ > 0 || waited >= kInstant)) {
      if (resting_ > 0) {
        resting_--;
      } else {
        length_ = std::clamp(2 * length_, kShortest, kLongest);
      }
    }
  }

 private:
  BusyPoll(Time length, bool adaptive) : length_(length), adaptive_(adaptive) {}

  Time length_ = 0;
  bool adaptive_ = false;
  bool preempted_ = false;  // in the current wait
  Time began_ = 0;          // the current wait
  Time looked_ = 0;         // at the end of the last look
  uint32_t rest_ = 0;       // after the next look in vain, 2 * rest_ + 1 short sleeps pass without a look
  uint32_t resting_ = 0;    // short sleeps that have still to pass before the next look
};

}  // namespace tsvde
