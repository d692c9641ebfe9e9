// The time, which the loop reads once a round and hands to whatever needs it: nothing else in the engine
// reads a clock.
#pragma once

#include <cstdint>

namespace tsvde {

// Nanoseconds of CLOCK_MONOTONIC, so that a timerfd takes a sum of them as it is.
using Time = int64_t;

constexpr Time kMillisecond = 1'000'000;
constexpr Time kSecond = 1'000'000'000;

}  // namespace tsvde
