// The engine's time. The loop reads the clock once a round and passes the time on; endpoints, the switch and
// the MAC table never read a clock.
#pragma once

#include <cstdint>

namespace tsvde {

// Nanoseconds of CLOCK_MONOTONIC, so that a sum of times can be given to a timerfd unchanged.
using Time = int64_t;

constexpr Time kMillisecond = 1'000'000;
constexpr Time kSecond = 1'000'000'000;

}  // namespace tsvde
