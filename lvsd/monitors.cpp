#include "lvsd/monitors.h"

#include <algorithm>

namespace lvs::lvsd {
namespace {

Monitor monitor_for(const config::VirtualService& service, const config::RealServer& server) {
  Monitor monitor;
  monitor.target = {server.address, server.port};
  monitor.protocol = service.protocol;
  monitor.check = config::effective_check(service);
  monitor.interval = config::effective_interval(service);
  monitor.timeout = service.timeout;
  monitor.rise = config::effective_rise(service);
  monitor.fall = service.fall;
  return monitor;
}

bool is_same(const MonitorSet::Watched& watched, const Monitor& wanted) {
  return watched.monitor == wanted;
}

// Nobody's any more, and other than what is wanted in its timings only.
bool is_idle_and_alike(const MonitorSet::Watched& watched, const Monitor& wanted) {
  return watched.servers.empty() && watched.monitor.check == wanted.check;
}

// A quorum that the servers cannot reach says nothing of this director: then all are needed.
int needed(const config::VirtualService& service, const Servers& servers) {
  const auto with_weight =
      std::ranges::count_if(servers, [](const auto& each) { return each.second->weight > 0; });
  const int quorum = has_sorry_server(service, servers) ? service.quorum : 1;
  return std::min(quorum, static_cast<int>(with_weight));
}

template <typename Members>
auto member_at(Members& members, const ipvs::DestKey& server) {
  return std::lower_bound(members.begin(), members.end(), server,
                          [](const auto& member, const auto& key) { return member.server < key; });
}

}  // namespace

MonitorSet::Target MonitorSet::target_of(const Monitor& monitor) {
  return {monitor.target, monitor.protocol};
}

std::optional<MonitorId> MonitorSet::monitor_of(const ServerId& id) const {
  const auto members = members_.find(id.service);
  if (members == members_.end()) {
    return std::nullopt;
  }
  const auto member = member_at(members->second, id.server);
  const bool is_there = member != members->second.end() && member->server == id.server;
  return is_there ? std::optional(member->id) : std::nullopt;
}

std::optional<MonitorId> MonitorSet::find(const Monitor& wanted, Likeness alike) const {
  const Target target = target_of(wanted);
  for (auto at = by_target_.lower_bound({target, 0}); at != by_target_.end() && at->first == target;
       ++at) {
    if (alike(watched_.at(at->second), wanted)) {
      return at->second;
    }
  }
  return std::nullopt;
}

void MonitorSet::hang(const ServerId& server, MonitorId id) {
  auto& servers = watched_.at(id).servers;
  servers.insert(std::lower_bound(servers.begin(), servers.end(), server), server);
}

// Takes the servers of a service off their monitors, and says which they were.
MonitorSet::Members MonitorSet::let_go(const ipvs::ServiceKey& service) {
  needed_.erase(service);
  auto members = members_.extract(service);
  if (!members) {
    return {};
  }
  for (const Member& member : members.mapped()) {
    std::erase(watched_.at(member.id).servers, ServerId{service, member.server});
  }
  return std::move(members.mapped());
}

// Hangs the servers of a service on monitors that are exactly theirs; the others are handed back.
std::vector<MonitorSet::Unplaced> MonitorSet::place(const ipvs::ServiceKey& key,
                                                    const config::VirtualService& service) {
  const auto servers = active_servers(service);
  needed_[key] = needed(service, servers);
  Members& members = members_[key];
  members.reserve(servers.size());  // What is handed back points into it.
  std::vector<Unplaced> unplaced;
  for (const auto& [server_key, server] : servers) {
    Monitor wanted = monitor_for(service, *server);
    const auto id = find(wanted, is_same);
    members.push_back({server_key, id.value_or(0), server->weight > 0});
    if (id) {
      hang({key, server_key}, *id);
    } else {
      unplaced.push_back({{key, server_key}, std::move(wanted), &members.back().id});
    }
  }
  return unplaced;
}

void MonitorSet::place_in_any(const Unplaced& server, std::set<MonitorId>& set) {
  auto id = find(server.monitor, is_same);  // Of one that was placed just now.
  if (!id) {
    id = find(server.monitor, is_idle_and_alike);
    if (!id) {
      id = next_id_++;
      by_target_.emplace(target_of(server.monitor), *id);
    }
    watched_[*id].monitor = server.monitor;
    set.insert(*id);
  }
  *server.id = *id;
  hang(server.server, *id);
}

std::vector<MonitorId> MonitorSet::drop_idle(const std::set<MonitorId>& suspects) {
  std::vector<MonitorId> dropped;
  for (const MonitorId id : suspects) {
    const auto watched = watched_.find(id);
    if (watched->second.servers.empty()) {
      by_target_.erase({target_of(watched->second.monitor), id});
      watched_.erase(watched);
      dropped.push_back(id);
    }
  }
  return dropped;
}

// Exact matches first: a monitor with new timings must not take the id of one that stays as it is.
MonitorSet::Update MonitorSet::update(const ActiveServices& services,
                                      const std::set<ipvs::ServiceKey>& changed) {
  std::set<ServerId> had_one;
  std::set<MonitorId> left;
  for (const auto& key : changed) {
    for (const Member& member : let_go(key)) {
      had_one.insert({key, member.server});
      left.insert(member.id);
    }
  }
  std::vector<Unplaced> unplaced;
  Update update;
  for (const auto& key : changed) {
    const auto service = services.find(key);
    if (service == services.end() || !config::is_checked(*service->second)) {
      continue;
    }
    for (auto& server : place(key, *service->second)) {
      unplaced.push_back(std::move(server));
    }
    for (const Member& member : members_.at(key)) {
      if (!had_one.contains({key, member.server})) {
        update.added.push_back({key, member.server});
      }
    }
  }
  std::set<MonitorId> set;
  for (const auto& server : unplaced) {
    place_in_any(server, set);
  }
  for (const MonitorId id : drop_idle(left)) {
    update.orders.push_back(RemoveMonitor{id});
  }
  for (const MonitorId id : set) {
    update.orders.push_back(SetMonitor{id, watched_.at(id).monitor});
  }
  return update;
}

size_t MonitorSet::services_covered(const std::set<MonitorId>& monitors) const {
  if (monitors.empty()) {
    return 0;
  }
  const auto is_among = [&](MonitorId id) { return monitors.contains(id); };
  return static_cast<size_t>(std::ranges::count_if(
      members_, [&](const auto& service) { return is_covered(service.first, is_among); }));
}

bool MonitorSet::is_covered(const ipvs::ServiceKey& service, const Among& is_among) const {
  const int needed = needed_.at(service);
  int working = 0;
  bool is_any_wanted = false;
  for (const Member& member : members_.at(service)) {
    is_any_wanted = is_any_wanted || member.has_weight;
    if (member.has_weight && !is_among(member.id) && ++working >= needed) {
      return false;  // Here most end, after a few of very many.
    }
  }
  return is_any_wanted;
}

Duration MonitorSet::several_checks(const ipvs::ServiceKey& service) const {
  constexpr int kSeveral = 4;
  Duration longest{0};
  for (const Member& member : members_.at(service)) {
    const Monitor& monitor = watched_.at(member.id).monitor;
    longest =
        std::max(longest, (kSeveral + monitor.fall - 1) * (monitor.interval + monitor.timeout));
  }
  return longest;
}

std::set<ipvs::ServiceKey> MonitorSet::services_on(MonitorId id) const {
  std::set<ipvs::ServiceKey> services;
  for (const ServerId& server : watched_.at(id).servers) {
    services.insert(server.service);
  }
  return services;
}

std::vector<ServerId> MonitorSet::servers() const {
  std::vector<ServerId> servers;
  for (const auto& [service, members] : members_) {
    for (const Member& member : members) {
      servers.push_back({service, member.server});
    }
  }
  return servers;
}

std::vector<MonitorOrder> MonitorSet::orders() const {
  std::vector<MonitorOrder> orders;
  for (const auto& [id, watched] : watched_) {
    orders.push_back(SetMonitor{id, watched.monitor});
  }
  return orders;
}

}  // namespace lvs::lvsd
