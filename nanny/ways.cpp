#include "nanny/ways.h"

#include <algorithm>

namespace lvs::nanny {

void Ways::device_is(const std::string& name, bool works, TimePoint now) {
  const auto [found, is_new] = devices_.try_emplace(name, Device{works, std::nullopt});
  Device& device = found->second;
  if (is_new || device.works == works) {
    return;
  }
  device.works = works;
  device.back_at = works ? std::optional(now) : std::nullopt;
  fresh_.clear();
}

void Ways::device_gone(const std::string& name, TimePoint now) {
  device_is(name, false, now);
  const auto leads = [&](const auto& way) { return way.second == name; };
  if (std::none_of(led_.begin(), led_.end(), leads)) {
    devices_.erase(name);
  }
}

void Ways::led(const Address& server, const std::string& device) {
  led_[server] = device;
  fresh_.insert(server);
}

std::optional<std::string> Ways::led_last(const Address& server) const {
  const auto found = led_.find(server);
  return found == led_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<std::string> Ways::missing(const Address& server, const Result<std::string>& route,
                                         TimePoint since) const {
  const auto before = led_last(server);
  if (before) {
    if (auto trouble = trouble_of(*before, since)) {
      return trouble;
    }
  }
  if (!route) {
    return "no route: " + route.error().what;
  }
  if (before && *before != *route) {
    return "the route leads to " + *route + " and no more to " + *before;
  }
  return trouble_of(*route, since);
}

std::optional<std::string> Ways::trouble_of(const std::string& device, TimePoint since) const {
  const auto found = devices_.find(device);
  if (found == devices_.end()) {
    return std::nullopt;
  }
  if (!found->second.works) {
    return device + " of this director is down or has no carrier";
  }
  if (found->second.back_at && *found->second.back_at >= since) {
    return device + " of this director had no carrier for a while";
  }
  return std::nullopt;
}

}  // namespace lvs::nanny
