#include "lvsd/io/status.h"

#include <boost/json/array.hpp>

namespace lvs::lvsd::io {
namespace {

namespace json = boost::json;

using Servers = std::map<ServerId, ipvs::DestStatus>;

std::string to_word(Health health) {
  switch (health) {
    case Health::unknown:
      return "unknown";
    case Health::up:
      return "up";
    case Health::down:
      return "down";
  }
  return "unknown";
}

std::string role_word(const std::optional<bool>& role) {
  if (!role) {
    return "unsaid";
  }
  return *role ? "active" : "standby";
}

Servers read_servers(Plane& plane, const ipvs::Table& wanted) {
  Servers servers;
  for (const auto& [key, entry] : wanted) {
    const auto reply = plane.call(ipvs::GetDests{key});
    if (!reply) {
      continue;  // The service is not in the table: its servers are shown without counters.
    }
    for (const auto& dest : std::get<std::vector<ipvs::DestStatus>>(*reply)) {
      servers[{key, dest.key}] = dest;
    }
  }
  return servers;
}

json::object server_json(const Reconciler& reconciler, const ServerId& id,
                         const Placement& placement, const Servers& servers, bool is_checked,
                         TimePoint now) {
  json::object server{{"name", placement.server_name},
                      {"address", ipvs::to_string(id.server)},
                      {"standing", to_string(placement.standing)},
                      {"health", "unknown"}};
  if (!is_checked) {
    server["health"] = "unchecked";
  } else if (const auto* heard = reconciler.verdict_of(id)) {
    server["health"] = to_word(heard->verdict.health);
    server["reason"] = heard->verdict.reason;
    server["latency_us"] = heard->verdict.latency / std::chrono::microseconds{1};
    server["since_ms"] = to_ms(now - heard->since).count();
  }
  const auto held = servers.find(id);
  server["in_table"] = held != servers.end();
  if (held != servers.end()) {
    server["weight"] = held->second.dest.weight;
    server["forward"] = ipvs::to_string(held->second.dest.forward);
    server["active"] = held->second.active;
    server["inactive"] = held->second.inactive;
    server["persistent"] = held->second.persistent;
    server["connections"] = held->second.stats.connections;
  }
  return server;
}

json::array services_json(const Reconciler& reconciler, Plane& plane, TimePoint now) {
  const Desired& wanted = reconciler.wanted();
  const Servers servers = read_servers(plane, wanted.table);
  json::array services;
  for (const auto& [key, configured] : active_services(reconciler.config())) {
    const ipvs::Service settings = service_settings(*configured);
    const bool is_checked = config::is_checked(*configured);
    json::array lines;
    for (auto placed = wanted.placements.lower_bound(ServerId{key, {}});
         placed != wanted.placements.end() && placed->first.service == key; ++placed) {
      lines.push_back(
          server_json(reconciler, placed->first, placed->second, servers, is_checked, now));
    }
    services.push_back(json::object{{"service", ipvs::to_string(key)},
                                    {"name", configured->name},
                                    {"scheduler", settings.scheduler},
                                    {"persistent_s", settings.timeout},
                                    {"servers", std::move(lines)}});
  }
  return services;
}

json::array failures_json(const Reconciler& reconciler) {
  json::array failures;
  for (const auto& [target, failure] : reconciler.retries().failures()) {
    std::string what = target.service  ? ipvs::to_string(*target.service)
                       : target.daemon ? "the sync daemon"
                                       : "time-outs";
    if (target.server) {
      what = to_string(ServerId{*target.service, *target.server});
    }
    failures.push_back(
        json::object{{"what", what}, {"error", failure.what}, {"attempts", failure.count}});
  }
  return failures;
}

json::array daemons_json(const Reconciler& reconciler) {
  json::array daemons;
  for (const auto& daemon : reconciler.daemons()) {
    daemons.push_back(json::string(to_string(daemon)));
  }
  return daemons;
}

json::array held_back_json(const Reconciler& reconciler) {
  json::array services;
  for (const auto& [key, address] : reconciler.wanted().held_back) {
    services.push_back(json::string(ipvs::to_string(key) +
                                    " waits for this director to be active: " + to_string(address) +
                                    ", a director's own, is a server of it"));
  }
  return services;
}

}  // namespace

json::object status_of(const Reconciler& reconciler, Plane& plane, TimePoint now) {
  json::object nanny{{"restarts", reconciler.nanny_restarts()}};
  if (const auto pid = reconciler.nanny_pid()) {
    nanny["pid"] = *pid;
  }
  return {{"ready", reconciler.is_ready(now)},
          {"armed", reconciler.armed()},
          {"role", role_word(reconciler.role())},
          {"serial", reconciler.config().serial_no},
          {"core", plane.kind()},
          {"core_status", plane.describe()},
          {"core_error", reconciler.core_error()},
          {"nanny", std::move(nanny)},
          {"writes", reconciler.writes()},
          {"drifts", reconciler.drifts()},
          {"repairs", reconciler.repairs()},
          {"reload_error", reconciler.reload_error()},
          {"marks_error", reconciler.marks_error()},
          {"sysctls_error", reconciler.sysctls_error()},
          {"mark_warnings",
           json::array(reconciler.mark_warnings().begin(), reconciler.mark_warnings().end())},
          {"failing", failures_json(reconciler)},
          {"skipped",
           json::array(reconciler.wanted().skipped.begin(), reconciler.wanted().skipped.end())},
          {"sync_daemons", daemons_json(reconciler)},
          {"held_back", held_back_json(reconciler)},
          {"services", services_json(reconciler, plane, now)}};
}

}  // namespace lvs::lvsd::io
