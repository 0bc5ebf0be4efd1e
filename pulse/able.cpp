#include "pulse/able.h"

#include <algorithm>

namespace lvs::pulse {

void Ability::set_lvsd(bool ready, int failed_restarts, TimePoint now) {
  failed_restarts_ = ready ? 0 : failed_restarts;
  if (ready) {
    lvsd_was_ready_ = true;
    lvsd_away_since_.reset();
  } else if (lvsd_was_ready_ && !lvsd_away_since_) {
    lvsd_away_since_ = now;
  }
}

void Ability::adopt(TimePoint now) {
  trust_witness();
  if (!lvsd_was_ready_) {
    lvsd_was_ready_ = true;
    lvsd_away_since_ = now;
  }
}

bool Ability::is_up(const std::string& device) const {
  const auto found = links_.find(device);
  return found == links_.end() || found->second.up;
}

bool Ability::exists(const std::string& device) const {
  const auto found = links_.find(device);
  return found == links_.end() || found->second.exists;
}

bool Ability::has_service_link(const Settings& settings) const {
  return settings.addresses.empty() ||
         std::any_of(settings.addresses.begin(), settings.addresses.end(),
                     [this](const FloatingAddress& a) { return is_up(a.device); });
}

uint32_t Ability::reasons(const Settings& settings, TimePoint now) const {
  uint32_t reasons = 0;
  const auto& monitored = settings.monitored_devices;
  if (!std::all_of(monitored.begin(), monitored.end(),
                   [this](const std::string& device) { return is_up(device); })) {
    reasons |= kLinkDown;
  }
  const auto& addresses = settings.addresses;
  if (!has_service_link(settings)) {
    reasons |= kNoServiceLink;
  } else if (!std::all_of(addresses.begin(), addresses.end(),
                          [this](const FloatingAddress& a) { return is_up(a.device); })) {
    reasons |= kServiceLinkDown;
  }
  if (refused_since_ && now >= *refused_since_ + kRefusalPatience) {
    reasons |= kAddressFailed;
  }
  // The grace is for an lvsd that comes back to a programmed table; a first start has none yet.
  if (!lvsd_was_ready_) {
    reasons |= kLvsdStarting;
  }
  if (lvsd_away_since_ && now >= *lvsd_away_since_ + settings.lvsd_grace) {
    reasons |= kLvsdAway;
  }
  if (failed_restarts_ >= kFailedRestartsMax) {
    reasons |= kLvsdFailing;
  }
  if (settings.witness && witness_ != Witness::answers) {
    reasons |= kNoWitness;
  }
  return reasons;
}

Fitness Ability::fitness(const Settings& settings, TimePoint now) const {
  const bool is_known = !settings.witness || witness_ != Witness::unknown;
  return is_known ? fitness_of(reasons(settings, now)) : Fitness::none;
}

std::optional<TimePoint> Ability::next_change(const Settings& settings, TimePoint now) const {
  std::optional<TimePoint> next;
  const auto consider = [&](const std::optional<TimePoint>& since, Duration limit) {
    if (since && now < *since + limit && (!next || *since + limit < *next)) {
      next = *since + limit;
    }
  };
  consider(lvsd_away_since_, settings.lvsd_grace);
  consider(refused_since_, kRefusalPatience);
  return next;
}

}  // namespace lvs::pulse
