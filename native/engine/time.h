// The time. The loop reads it once a round and passes it to whatever needs it; endpoints, the switch and the
// MAC table never read a clock.
#pragma once

#include <cstdint>

namespace tsvde {

// Nanoseconds of CLOCK_MONOTONIC, so that a timerfd takes a sum of them as it is.
using Time = int64_t;

constexpr Time kMillisecond = 1'000'000;
constexpr Time kSecond = 1'000'000'000;

}  // namespace tsvde
