#include "lvsd/reload_effects.h"

#include <algorithm>
#include <map>

namespace lvs::lvsd {
namespace {

using Floating = std::map<Address, config::FloatingAddress>;

Floating floating(const config::Config& config) {
  Floating by_address;
  for (auto& each : config::floating_addresses(config)) {
    by_address.emplace(each.address, each);
  }
  return by_address;
}

std::string place_of(const config::FloatingAddress& floating) {
  return floating.label +
         (floating.prefix ? " with prefix length " + std::to_string(*floating.prefix) : "");
}

std::string named(const std::string& verb, const config::FloatingAddress& floating,
                  const config::Config& config) {
  const bool routes = config.nat_router && config.nat_router->address == floating.address;
  return verb + " address " + to_string(floating.address) + " on " + place_of(floating) +
         (routes ? " (nat_router)" : "");
}

std::string dotted(const Sysctl& sysctl) {
  std::string name = sysctl.name;
  std::replace(name.begin(), name.end(), '/', '.');
  return name;
}

const Sysctl* find(const std::vector<Sysctl>& among, const std::string& name) {
  const auto found = std::find_if(among.begin(), among.end(),
                                  [&](const Sysctl& sysctl) { return sysctl.name == name; });
  return found == among.end() ? nullptr : &*found;
}

}  // namespace

std::vector<std::string> address_changes(const config::Config& now, const config::Config& then) {
  const Floating held = floating(now);
  const Floating wanted = floating(then);
  std::vector<std::string> changes;
  for (const auto& [address, each] : held) {
    const auto found = wanted.find(address);
    if (found == wanted.end()) {
      changes.push_back(named("delete", each, now));
    } else if (found->second != each) {
      changes.push_back("change address " + to_string(address) + ": from " + place_of(each) +
                        " to " + place_of(found->second));
    }
  }
  for (const auto& [address, each] : wanted) {
    if (!held.contains(address)) {
      changes.push_back(named("add", each, then));
    }
  }
  return changes;
}

std::vector<std::string> devices_lacked(const config::Config& now, const config::Config& then,
                                        const std::function<bool(const std::string&)>& has_device) {
  const auto held = config::floating_addresses(now);
  std::vector<std::string> texts;
  for (const auto& floating : config::floating_addresses(then)) {
    const bool is_new = std::find(held.begin(), held.end(), floating) == held.end();
    if (is_new && !has_device(floating.device)) {
      texts.push_back("this machine has no device " + floating.device + " for " +
                      to_string(floating.address) +
                      ": a reload would leave this director less fit to serve");
    }
  }
  return texts;
}

std::vector<std::string> setting_changes(const config::Config& now, const config::Config& then,
                                         std::optional<bool> role, const std::set<Address>& own,
                                         const std::function<bool(const Sysctl&)>& has_value) {
  if (!then.manage_sysctls) {
    return {};  // What was set stays as it is.
  }
  const auto held = now.manage_sysctls ? host_settings(now, role, own) : std::vector<Sysctl>{};
  const auto wanted = host_settings(then, role, own);
  std::vector<std::string> changes;
  for (const Sysctl& each : held) {
    if (find(wanted, each.name) == nullptr) {
      changes.push_back("set " + dotted(each) + " back to what it was before");
    }
  }
  for (const Sysctl& each : wanted) {
    const Sysctl* before = find(held, each.name);
    if ((before == nullptr || before->value != each.value) && !has_value(each)) {
      changes.push_back("set " + dotted(each) + " to " + each.value);
    }
  }
  return changes;
}

}  // namespace lvs::lvsd
