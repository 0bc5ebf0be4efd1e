// Time as the cores see it: points and spans handed in with each event. This header names the one
// clock of the suite; only common/io/clock.cpp may read it. The clock is CLOCK_BOOTTIME: it never
// steps, and it goes on while the machine is suspended, so a lease that ran out during a suspend
// counts as run out.
#pragma once

#include <chrono>

namespace lvs {

struct Clock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<Clock>;
  static constexpr bool is_steady = true;
  static time_point now() noexcept;  // Defined in common/io/clock.cpp: not for cores.
};

using Duration = Clock::duration;
using TimePoint = Clock::time_point;

inline std::chrono::milliseconds to_ms(Duration d) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(d);
}

}  // namespace lvs
