// From single results to a verdict. `rise` successes in a row bring a server up, `fall` failures in
// a row take it down; one opposite result starts the count again. A server that is down and has
// passed is recovering, for lvsd uses it where it has no other, until as many failures in a row as
// would take it down. The first result decides alone,
// as in Piranha, so that a new monitor has a verdict after one check; so does the first one after
// the operator's hold ends.
#pragma once

#include <optional>

#include "common/monitor.h"

namespace lvs::nanny {

class HealthCounter {
 public:
  HealthCounter(int rise, int fall) : rise_(rise), fall_(fall) {}

  // The new health, when this result changes it.
  std::optional<Health> count(bool success);
  // The operator's word instead of results: up or down. The new health, when that changes it.
  std::optional<Health> hold(Health health);
  void let_next_decide() { next_decides_ = true; }

  Health health() const { return health_; }  // Never recovering.
  Health told() const { return recovers_ ? Health::recovering : health_; }
  // Results in a row that contradict health(), of as many as would change it.
  int against() const { return against_; }
  int needed() const { return health_ == Health::up ? fall_ : rise_; }

 private:
  std::optional<Health> become(Health health);

  int rise_;
  int fall_;
  Health health_ = Health::unknown;
  bool next_decides_ = true;
  int against_ = 0;   // Results in a row that contradict health_.
  int stumbles_ = 0;  // Failures in a row.
  bool recovers_ = false;
};

}  // namespace lvs::nanny
