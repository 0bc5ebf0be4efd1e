#include "lvsd/monitors.h"

#include <functional>
#include <optional>
#include <set>
#include <tuple>

namespace lvs::lvsd {
namespace {

using Slot = std::tuple<Endpoint, ipvs::Protocol>;
using Likeness = std::function<bool(const Monitor&, const Monitor&)>;

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

Slot slot_of(const Monitor& monitor) {
  return {monitor.target, monitor.protocol};
}

bool is_same(const Monitor& a, const Monitor& b) {
  return a == b;
}

bool differs_in_timing_only(const Monitor& a, const Monitor& b) {
  return a.target == b.target && a.protocol == b.protocol && a.check == b.check;
}

// Monitors by target: checks have no order, and there are few of them for one target.
class Index {
 public:
  void add(MonitorId id, const Monitor& monitor) {
    by_slot_[slot_of(monitor)].emplace_back(id, monitor);
  }

  std::optional<MonitorId> find(const Monitor& wanted, const Likeness& alike) const {
    const auto slot = by_slot_.find(slot_of(wanted));
    if (slot == by_slot_.end()) {
      return std::nullopt;
    }
    for (const auto& [id, monitor] : slot->second) {
      if (alike(monitor, wanted)) {
        return id;
      }
    }
    return std::nullopt;
  }

  std::optional<MonitorId> take(const Monitor& wanted, const Likeness& alike) {
    const auto id = find(wanted, alike);
    if (id) {
      std::erase_if(by_slot_[slot_of(wanted)], [&](const auto& held) { return held.first == *id; });
    }
    return id;
  }

 private:
  std::map<Slot, std::vector<std::pair<MonitorId, Monitor>>> by_slot_;
};

struct Wanted {
  Monitor monitor;
  std::vector<ServerId> servers;
};

// The distinct monitors, in the order of the table's keys.
std::vector<Wanted> distinct_monitors(const config::Config& config) {
  std::vector<Wanted> wanted;
  Index seen;  // Ids are positions in `wanted`.
  for (const auto& [service_key, service] : active_services(config)) {
    if (!config::is_checked(*service)) {
      continue;
    }
    for (const auto& [server_key, server] : active_servers(*service)) {
      const Monitor monitor = monitor_for(*service, *server);
      auto position = seen.find(monitor, is_same);
      if (!position) {
        position = wanted.size();
        seen.add(*position, monitor);
        wanted.push_back({monitor, {}});
      }
      wanted[*position].servers.push_back({service_key, server_key});
    }
  }
  return wanted;
}

}  // namespace

MonitorSet monitors_for(const config::Config& config, const MonitorSet& previous) {
  const std::vector<Wanted> wanted = distinct_monitors(config);
  Index left;
  for (const auto& [id, monitor] : previous.monitors) {
    left.add(id, monitor);
  }
  // Exact matches first: a monitor with new timings must not take the id of one that stays as it
  // is.
  std::vector<std::optional<MonitorId>> ids;
  for (const auto& one : wanted) {
    ids.push_back(left.take(one.monitor, is_same));
  }
  MonitorSet next;
  next.next_id = previous.next_id;
  for (size_t i = 0; i < wanted.size(); ++i) {
    auto id = ids[i] ? ids[i] : left.take(wanted[i].monitor, differs_in_timing_only);
    if (!id) {
      id = next.next_id++;
    }
    next.monitors.emplace(*id, wanted[i].monitor);
    for (const auto& server : wanted[i].servers) {
      next.monitor_of.emplace(server, *id);
    }
    next.servers_of.emplace(*id, wanted[i].servers);
  }
  return next;
}

std::vector<MonitorOrder> orders(const MonitorSet& from, const MonitorSet& to) {
  std::vector<MonitorOrder> orders;
  for (const auto& [id, monitor] : from.monitors) {
    if (!to.monitors.contains(id)) {
      orders.push_back(RemoveMonitor{id});
    }
  }
  for (const auto& [id, monitor] : to.monitors) {
    const auto held = from.monitors.find(id);
    if (held == from.monitors.end() || held->second != monitor) {
      orders.push_back(SetMonitor{id, monitor});
    }
  }
  return orders;
}

}  // namespace lvs::lvsd
