#include "lvsd/table_watch.h"

#include <utility>

#include "lvsd/plan.h"

namespace lvs::lvsd {

void TableWatch::ask(Actions& actions) {
  if (!std::exchange(reading_, true)) {
    actions.push_back(ReadTable{});
  }
}

bool TableWatch::note_readable(Actions& actions) {
  reading_ = false;
  if (error_.empty()) {
    return false;
  }
  actions.push_back(Log{{Level::notice, "core-readable", "", {}}});
  error_.clear();
  backoff_.reset();
  return true;
}

void TableWatch::note_unreadable(const Error& error, TimePoint now, Actions& actions) {
  reading_ = false;
  next_ = now + backoff_.failed();
  if (error_ != error.what) {
    actions.push_back(Log{{Level::error, "core-unreadable", "", {{"error", error.what}}}});
  }
  error_ = error.what;
}

void TableWatch::forget_failures(TimePoint now) {
  if (!error_.empty()) {
    backoff_.reset();
    next_ = now;
  }
}

void TableWatch::note_drift(const ipvs::Table& read, const ipvs::Table& believed,
                            const std::set<ipvs::ServiceKey>& ours, Actions& actions) {
  if (std::exchange(expects_surprise_, false)) {
    return;
  }
  const auto repair = plan(read, believed, ours, ours);
  if (repair.empty()) {
    return;
  }
  drifts_ += 1;
  repairs_ += repair.size();
  actions.push_back(Log{{Level::warning,
                         "drift",
                         "",
                         {{"differences", std::to_string(repair.size())},
                          {"first", ipvs::to_string(repair.front())}}}});
}

}  // namespace lvs::lvsd
