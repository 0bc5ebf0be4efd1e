#include "nanny/health.h"

namespace lvs::nanny {

std::optional<Health> HealthCounter::count(bool success) {
  const Health told = success ? Health::up : Health::down;
  if (next_decides_) {
    return become(told);
  }
  stumbles_ = success ? 0 : stumbles_ + 1;
  if (told == health_) {
    against_ = 0;
    recovers_ = recovers_ && stumbles_ < fall_;
    return std::nullopt;
  }
  ++against_;
  recovers_ = success;
  if (against_ < (success ? rise_ : fall_)) {
    return std::nullopt;
  }
  return become(told);
}

std::optional<Health> HealthCounter::hold(Health health) {
  return become(health);
}

std::optional<Health> HealthCounter::become(Health health) {
  next_decides_ = false;
  against_ = 0;
  stumbles_ = 0;
  recovers_ = false;
  if (health == health_) {
    return std::nullopt;
  }
  health_ = health;
  return health;
}

}  // namespace lvs::nanny
