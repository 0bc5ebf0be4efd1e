// The watch of the core's table: when it is read, one reading at a time; how a core that cannot be
// read is asked less and less often; and what somebody else changed in it since.
#pragma once

#include <optional>
#include <string>

#include "common/backoff.h"
#include "common/ipvs/types.h"
#include "lvsd/events.h"

namespace lvs::lvsd {

constexpr Duration kReadRetry = std::chrono::seconds{1};  // After one failure; then twice that ...
constexpr Duration kReadRetryMax = std::chrono::seconds{8};

class TableWatch {
 public:
  void ask(Actions& actions);  // At once, unless it is being read.
  void ask_by(TimePoint at) { next_ = std::min(next_, at); }
  void ask_at(TimePoint at) { next_ = at; }
  bool is_due(TimePoint now) const { return next_ <= now; }
  TimePoint next() const { return next_; }
  bool is_reading() const { return reading_; }

  // The core answered; true: after it could not be read.
  bool note_readable(Actions& actions);
  void note_unreadable(const Error& error, TimePoint now, Actions& actions);
  // As if it had never failed: it is asked at once.
  void forget_failures(TimePoint now);
  const std::string& error() const { return error_; }  // Empty: the last reading was good.

  // What the next reading shows follows from a failure and is no drift.
  void expect_surprise() { expects_surprise_ = true; }
  void note_drift(const ipvs::Table& read, const ipvs::Table& believed,
                  const std::set<ipvs::ServiceKey>& ours, Actions& actions);
  uint64_t drifts() const { return drifts_; }
  uint64_t repairs() const { return repairs_; }

 private:
  TimePoint next_;
  bool reading_ = false;
  Backoff backoff_{kReadRetry, kReadRetryMax};
  std::string error_;
  bool expects_surprise_ = false;
  uint64_t drifts_ = 0;
  uint64_t repairs_ = 0;
};

}  // namespace lvs::lvsd
