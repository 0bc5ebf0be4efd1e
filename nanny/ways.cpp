#include "nanny/ways.h"

#include <algorithm>

namespace lvs::nanny {

std::string device_does_not_work(const std::string& device, bool exists) {
  return exists ? device + " of this director is down or has no carrier"
                : "this director has no device " + device;
}

void Ways::device_is(const std::string& name, bool works, TimePoint now) {
  const auto [found, is_new] =
      devices_.try_emplace(name, Device{works, true, std::nullopt, std::nullopt, {}});
  Device& device = found->second;
  device.exists = true;
  if (is_new || device.works == works) {
    return;
  }
  device.works = works;
  device.back_at = works ? std::optional(now) : std::nullopt;
  if (works) {
    device.absence.end(now);
    device.tell_at = now;
  } else {
    device.absence.begin(now);
    device.tell_at = *device.absence.since() + kWaySettles;
  }
  fresh_.clear();
}

void Ways::device_gone(const std::string& name, TimePoint now) {
  device_is(name, false, now);
  devices_.at(name).exists = false;
  if (led_by(name).empty()) {
    devices_.erase(name);
  }
}

std::vector<Address> Ways::led_by(const std::string& device) const {
  std::vector<Address> servers;
  for (const auto* ways : {&led_, &to_lead_}) {
    for (const auto& [server, way] : *ways) {
      if (way == device) {
        servers.push_back(server);
      }
    }
  }
  return servers;
}

std::vector<Ways::Change> Ways::changes(TimePoint now) {
  std::vector<Change> changes;
  for (auto& [name, device] : devices_) {
    if (device.tell_at && *device.tell_at <= now) {
      device.tell_at.reset();
      if (auto servers = led_by(name); !servers.empty()) {
        changes.push_back({name, device.works, device.exists, std::move(servers)});
      }
    }
  }
  return changes;
}

std::optional<TimePoint> Ways::next_change() const {
  std::optional<TimePoint> next;
  for (const auto& [name, device] : devices_) {
    if (device.tell_at && (!next || *device.tell_at < *next)) {
      next = device.tell_at;
    }
  }
  return next;
}

void Ways::led(const Address& server, const std::string& device) {
  led_[server] = device;
  to_lead_.erase(server);
  fresh_.insert(server);
}

void Ways::is_to_lead(const Address& server, const std::string& device) {
  if (!led_.contains(server)) {
    to_lead_[server] = device;
  }
}

std::optional<std::string> Ways::led_last(const Address& server) const {
  const auto found = led_.find(server);
  return found == led_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<Ways::Lack> Ways::missing(const Address& server, const Result<std::string>& route,
                                        TimePoint since) const {
  const auto before = led_last(server);
  if (before) {
    if (auto trouble = trouble_of(*before, since)) {
      return trouble;
    }
  }
  if (!route) {
    return Lack{"no route: " + route.error().what, false};
  }
  if (before && *before != *route) {
    return Lack{"the route leads to " + *route + " and no more to " + *before, false};
  }
  return trouble_of(*route, since);
}

std::optional<Ways::Lack> Ways::trouble_of(const std::string& device, TimePoint since) const {
  const auto found = devices_.find(device);
  if (found == devices_.end()) {
    return std::nullopt;
  }
  if (!found->second.works) {
    return Lack{device_does_not_work(device, found->second.exists), false};
  }
  if (found->second.back_at && since <= *found->second.back_at + kWayReturns) {
    return Lack{device + " of this director had no carrier for a while", true};
  }
  return std::nullopt;
}

}  // namespace lvs::nanny
