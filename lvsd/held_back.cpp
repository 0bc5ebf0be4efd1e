#include "lvsd/held_back.h"

namespace lvs::lvsd {

std::set<Address> director_addresses(const config::Config& config, const std::set<Address>& own) {
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

std::optional<Address> director_among(const config::VirtualService& service,
                                      const std::set<Address>& directors) {
  for (const auto& [key, server] : active_servers(service)) {
    if (directors.contains(key.address)) {
      return key.address;
    }
  }
  const bool is_sorry = service.sorry_server && directors.contains(*service.sorry_server);
  return is_sorry ? service.sorry_server : std::nullopt;
}

std::map<ipvs::ServiceKey, Address> served_by_directors(const config::Config& config,
                                                        const std::set<Address>& own) {
  const std::set<Address> directors = director_addresses(config, own);
  std::map<ipvs::ServiceKey, Address> found;
  for (const auto& [key, service] : active_services(config)) {
    if (const auto address = director_among(*service, directors)) {
      found.emplace(key, *address);
    }
  }
  return found;
}

bool is_held_back(config::CoreKind core, std::optional<bool> role, bool is_in_table) {
  if (core != config::CoreKind::kernel) {
    return false;
  }
  return role ? !*role : !is_in_table;
}

void hold_back(const config::Config& config, const std::set<Address>& own, std::optional<bool> role,
               const ipvs::Table& actual, Desired& wanted) {
  for (const auto& [key, address] : served_by_directors(config, own)) {
    if (is_held_back(config.core, role, actual.contains(key))) {
      wanted.table.erase(key);
      wanted.held_back.emplace(key, address);
    }
  }
}

}  // namespace lvs::lvsd
