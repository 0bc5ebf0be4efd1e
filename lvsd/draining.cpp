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
      draining.emplace(ServerId{key, server_key}, now + after->drain);
      actions.push_back(Log{{Level::notice,
                             "drain",
                             "",
                             {{"server", to_string(ServerId{key, server_key})},
                              {"at_most_ms", std::to_string(to_ms(after->drain).count())}}}});
      has_begun = true;
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
