#include "lvsd/draining.h"

namespace lvs::lvsd {
namespace {

void keep_draining(const ipvs::ServiceKey& key, const config::VirtualService* after,
                   Draining& draining) {
  auto drained = draining.lower_bound(ServerId{key, {}});
  while (drained != draining.end() && drained->first.service == key) {
    const bool is_over = after == nullptr || active_servers(*after).contains(drained->first.server);
    drained = is_over ? draining.erase(drained) : std::next(drained);
  }
}

void begin(const ServerId& id, Duration at_most, TimePoint now, Draining& draining,
           Actions& actions) {
  draining.emplace(id, now + at_most);
  actions.push_back(
      Log{{Level::notice,
           "drain",
           "",
           {{"server", to_string(id)}, {"at_most_ms", std::to_string(to_ms(at_most).count())}}}});
}

}  // namespace

bool drain_leaving(const ipvs::ServiceKey& key, const config::VirtualService* before,
                   const config::VirtualService* after, TimePoint now, Draining& draining,
                   Actions& actions) {
  keep_draining(key, after, draining);
  if (before == nullptr || after == nullptr || after->drain <= Duration::zero()) {
    return false;
  }
  bool has_begun = false;
  const auto servers = active_servers(*after);
  for (const auto& [server_key, server] : active_servers(*before)) {
    if (!servers.contains(server_key)) {
      begin({key, server_key}, after->drain, now, draining, actions);
      has_begun = true;
    }
  }
  return has_begun;
}

bool drain_left_behind(const ActiveServices& services, const Owned& owned,
                       const ipvs::Table& actual, TimePoint now, Draining& draining,
                       Actions& actions) {
  bool has_begun = false;
  for (const auto& [key, service] : services) {
    const auto held = actual.find(key);
    if (service->drain <= Duration::zero() || held == actual.end() ||
        !owned.services.contains(key)) {
      continue;
    }
    const auto servers = active_servers(*service);
    for (const auto& [server, dest] : held->second.dests) {
      const ServerId id{key, server};
      if (!servers.contains(server) && server.address != service->sorry_server &&
          !draining.contains(id)) {
        begin(id, service->drain, now, draining, actions);
        has_begun = true;
      }
    }
  }
  return has_begun;
}

std::set<ipvs::ServiceKey> end_draining(const std::map<ServerId, uint32_t>& connections,
                                        TimePoint now, Draining& draining, Actions& actions) {
  std::set<ipvs::ServiceKey> services;
  std::erase_if(draining, [&](const auto& drained) {
    const auto held = connections.find(drained.first);
    const bool is_empty = held == connections.end() || held->second == 0;
    const bool is_over = is_empty || drained.second <= now;
    if (is_over) {
      services.insert(drained.first.service);
      actions.push_back(Log{{Level::notice,
                             "drained",
                             "",
                             {{"server", to_string(drained.first)},
                              {"reason", is_empty ? "no connections left" : "deadline"}}}});
    }
    return is_over;
  });
  return services;
}

}  // namespace lvs::lvsd
