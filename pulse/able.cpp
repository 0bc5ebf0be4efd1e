#include "pulse/able.h"

#include <algorithm>

namespace lvs::pulse {

bool Ability::set_link(const std::string& device, bool up, bool exists, TimePoint now) {
  LinkState& link = links_[device];
  const bool was_up = !link.down.since();
  link.exists = exists;
  if (!up || !exists) {
    link.down.begin(now);
    return false;
  }
  link.down.end(now);
  if (!was_up && !is_way_known_) {
    way_.end(now);
  }
  return !was_up;
}

void Ability::set_way(std::optional<bool> has_way, TimePoint now) {
  is_way_known_ = has_way.has_value();
  if (has_way.value_or(false)) {
    way_.end(now);
  } else if (has_way) {
    way_.begin(now);
  }
}

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
  return found == links_.end() || !found->second.down.since();
}

bool Ability::works(const std::string& device, TimePoint now) const {
  return is_up(device) || now < *links_.at(device).down.since() + patience_;
}

bool Ability::exists(const std::string& device) const {
  const auto found = links_.find(device);
  return found == links_.end() || found->second.exists;
}

std::set<std::string> Ability::links_down(const Settings& settings) const {
  std::set<std::string> down = settings.monitored_devices;
  const auto& of_addresses = settings.addresses.devices();
  down.insert(of_addresses.begin(), of_addresses.end());
  std::erase_if(down, [&](const std::string& device) { return is_up(device); });
  return down;
}

bool Ability::has_service_link(const Settings& settings, TimePoint now) const {
  const auto& devices = settings.addresses.devices();
  return devices.empty() ||
         std::any_of(devices.begin(), devices.end(),
                     [&](const std::string& device) { return works(device, now); });
}

unsigned Ability::services_without_link(const Settings& settings, TimePoint now) const {
  unsigned services = 0;
  for (const auto& [device, on_it] : settings.services_on) {
    services += works(device, now) ? 0 : on_it;
  }
  return services;
}

bool Ability::are_all_down(const std::set<std::string>& devices, TimePoint now) const {
  return !devices.empty() &&
         std::none_of(devices.begin(), devices.end(),
                      [&](const std::string& device) { return works(device, now); });
}

uint32_t Ability::reasons(const Settings& settings, TimePoint now) const {
  uint32_t reasons = 0;
  const auto& monitored = settings.monitored_devices;
  if (!std::all_of(monitored.begin(), monitored.end(),
                   [&](const std::string& device) { return works(device, now); })) {
    reasons |= kLinkDown;
  }
  const auto& serving = settings.addresses.devices();
  if (!has_service_link(settings, now)) {
    reasons |= kNoServiceLink;
  } else if (!std::all_of(serving.begin(), serving.end(),
                          [&](const std::string& device) { return works(device, now); })) {
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
  if (!checks_run_) {
    reasons |= kChecksStopped;
  }
  if (way_.since() && now >= *way_.since() + settling_time(settings)) {
    reasons |= kNoWay;
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
  consider(way_.since(), settling_time(settings));
  for (const auto& [device, link] : links_) {
    consider(link.down.since(), patience_);
  }
  return next;
}

}  // namespace lvs::pulse
