#include "lvsd/held_back.h"

namespace lvs::lvsd {
namespace {

std::set<Address> with_floating(const config::Config& config, const std::set<Address>& own) {
  std::set<Address> directors;
  for (const auto& address : own) {
    if (!address.is_loopback()) {
      directors.insert(address);
    }
  }
  for (const auto& floating : config::floating_addresses(config)) {
    directors.insert(floating.address);
  }
  return directors;
}

}  // namespace

std::map<ipvs::ServiceKey, Address> served_by_directors(const config::Config& config,
                                                        const std::set<Address>& own) {
  const std::set<Address> directors = with_floating(config, own);
  std::map<ipvs::ServiceKey, Address> found;
  for (const auto& [key, service] : active_services(config)) {
    for (const auto& [server, real] : active_servers(*service)) {
      if (directors.contains(server.address)) {
        found.emplace(key, server.address);
      }
    }
    if (service->sorry_server && directors.contains(*service->sorry_server)) {
      found.emplace(key, *service->sorry_server);
    }
  }
  return found;
}

void hold_back(const config::Config& config, const std::set<Address>& own, std::optional<bool> role,
               const ipvs::Table& actual, Desired& wanted) {
  if (config.core != config::CoreKind::kernel || role.value_or(false)) {
    return;
  }
  for (const auto& [key, address] : served_by_directors(config, own)) {
    if (!role && actual.contains(key)) {
      continue;
    }
    wanted.table.erase(key);
    wanted.held_back.emplace(key, address);
  }
}

}  // namespace lvs::lvsd
