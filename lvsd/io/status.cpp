#include "lvsd/io/status.h"

#include <boost/json/array.hpp>

namespace lvs::lvsd::io {
namespace {

namespace json = boost::json;

using Servers = std::map<ServerId, ipvs::DestStatus>;

std::string role_word(const std::optional<bool>& role) {
  if (!role) {
    return "unsaid";
  }
  return *role ? "active" : "standby";
}

using Totals = std::map<ipvs::ServiceKey, ipvs::Stats>;

Totals read_totals(Plane& plane) {
  Totals totals;
  if (const auto reply = plane.call(ipvs::GetServices{})) {
    for (const auto& service : std::get<std::vector<ipvs::ServiceStatus>>(*reply)) {
      totals[service.key] = service.stats;
    }
  }
  return totals;
}

void put_stats(const ipvs::Stats& stats, json::object& object) {
  object["connections"] = stats.connections;
  object["in_packets"] = stats.in_packets;
  object["out_packets"] = stats.out_packets;
  object["in_bytes"] = stats.in_bytes;
  object["out_bytes"] = stats.out_bytes;
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

// name: of its block; none for a sorry or draining server.
json::object server_json(const Reconciler& reconciler, const ServerId& id, const std::string& name,
                         Standing standing, const Servers& servers, bool is_checked,
                         TimePoint now) {
  json::object server{{"name", name},
                      {"address", ipvs::to_string(id.server)},
                      {"standing", to_string(standing)},
                      {"health", "unknown"}};
  if (!is_checked) {
    server["health"] = "unchecked";
  } else if (const auto* heard = reconciler.health().verdict_of(id)) {
    server["health"] = to_word(heard->verdict.health);
    server["reason"] = heard->verdict.reason;
    server["has_way"] = heard->verdict.has_way;
    server["latency_us"] = heard->verdict.latency / std::chrono::microseconds{1};
    server["since_ms"] = to_ms(now - heard->since).count();
  } else {
    const auto* told = reconciler.health().told_of(id);
    server["reason"] = told == nullptr ? "no check has ended yet" : told->reason;
  }
  const auto held = servers.find(id);
  server["in_table"] = held != servers.end();
  if (held != servers.end()) {
    server["weight"] = held->second.dest.weight;
    server["forward"] = ipvs::to_string(held->second.dest.forward);
    server["active"] = held->second.active;
    server["inactive"] = held->second.inactive;
    server["persistent"] = held->second.persistent;
    put_stats(held->second.stats, server);
  }
  return server;
}

json::object waiting_json(const config::RealServer& server) {
  const auto* name = server.lines.name_of("address");
  return {{"name", server.name},
          {"address", name == nullptr ? "" : name->name},
          {"standing", "waiting"},
          {"health", "unknown"},
          {"reason", "its name has no address yet"},
          {"in_table", false}};
}

json::array services_json(const Reconciler& reconciler, const Desired& wanted, Plane& plane,
                          TimePoint now) {
  const Servers servers = read_servers(plane, wanted.table);
  const Totals totals = read_totals(plane);
  json::array services;
  for (const auto& [key, configured] : active_services(reconciler.config())) {
    const ipvs::Service settings = service_settings(*configured);
    const bool is_checked = config::is_checked(*configured);
    const auto blocks = active_servers(*configured);
    const auto standings = wanted.standings.find(key);
    json::array lines;
    if (standings != wanted.standings.end()) {
      for (const auto& [server, standing] : standings->second) {
        const auto block = blocks.find(server);
        lines.push_back(server_json(reconciler, {key, server},
                                    block == blocks.end() ? "" : block->second->name, standing,
                                    servers, is_checked, now));
      }
    }
    for (const auto& server : configured->servers) {
      if (server.active && server.waits) {
        lines.push_back(waiting_json(server));
      }
    }
    json::object service{{"service", ipvs::to_string(key)},
                         {"name", configured->name},
                         {"scheduler", settings.scheduler},
                         {"persistent_s", settings.timeout},
                         {"servers", std::move(lines)}};
    if (const auto entry = wanted.table.find(key); entry != wanted.table.end()) {
      const auto told_of = [&, &service_key = key](const ipvs::DestKey& server) {
        return reconciler.health().told_of({service_key, server});
      };
      service["unserved"] =
          why_unserved(*configured, entry->second, wanted.standings.at(key), told_of).why;
    }
    if (const auto total = totals.find(key); total != totals.end()) {
      put_stats(total->second, service);
    }
    services.push_back(std::move(service));
  }
  return services;
}

// Those that count, or would, where directors are compared. The first ones say enough.
json::object in_doubt_json(const Reconciler& reconciler, TimePoint now) {
  constexpr size_t kNamed = 10;
  const auto configured = active_services(reconciler.config());
  const auto doubts = reconciler.health().doubts(now);
  json::array named;
  for (const auto& [key, doubt] : doubts) {
    if (named.size() == kNamed) {
      break;
    }
    const auto service = configured.find(key);
    named.push_back(json::object{{"service", ipvs::to_string(key)},
                                 {"name", service == configured.end() ? "" : service->second->name},
                                 {"why", to_words(doubt)}});
  }
  return {{"count", doubts.size()}, {"services", std::move(named)}};
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

json::array held_back_json(const Desired& wanted) {
  json::array services;
  for (const auto& [key, address] : wanted.held_back) {
    services.push_back(json::string(ipvs::to_string(key) +
                                    " waits for this director to be active: " + to_string(address) +
                                    ", a director's own, is a server of it"));
  }
  return services;
}

}  // namespace

json::object status_of(const Reconciler& reconciler, Plane& plane, TimePoint now) {
  const HealthWatch& health = reconciler.health();
  const HostKeeper& host = reconciler.host();
  const Desired wanted = reconciler.wanted();
  json::object nanny{{"restarts", health.nanny_restarts()},
                     {"last_end", health.nanny_end()},
                     {"pings_unanswered", health.pings_unanswered()}};
  if (const auto pid = health.nanny_pid()) {
    nanny["pid"] = *pid;
    nanny["user"] = health.nanny_user();
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
          {"marks_error", host.marks_error()},
          {"deny_error", reconciler.deny_error()},
          {"names_error", reconciler.names_error()},
          {"sysctls_error", host.sysctls_error()},
          {"sysctl_repairs", host.sysctl_repairs()},
          {"other_core_error", host.other_core_error()},
          {"mark_warnings", json::array(host.mark_warnings().begin(), host.mark_warnings().end())},
          {"failing", failures_json(reconciler)},
          {"skipped", json::array(reconciler.skipped().begin(), reconciler.skipped().end())},
          {"sync_daemons", daemons_json(reconciler)},
          {"held_back", held_back_json(wanted)},
          {"in_doubt", in_doubt_json(reconciler, now)},
          {"services", services_json(reconciler, wanted, plane, now)}};
}

json::object kept_by(const Reconciler& reconciler, const std::string& core,
                     const std::string& file) {
  json::object services;
  std::map<const config::VirtualService*, ipvs::ServiceKey> kept;
  for (const auto& [key, service] : active_services(reconciler.config())) {
    kept.emplace(service, key);
  }
  for (const auto& entry : reconciler.config().virtuals.entries()) {
    const auto service = kept.find(entry.block.get());
    if (service == kept.end()) {
      continue;
    }
    json::object servers;
    for (const auto& [key, server] : active_servers(*entry.block)) {
      servers[ipvs::to_string(key)] = entry.line + server->lines.block;
    }
    services[ipvs::to_string(service->second)] = {{"line", entry.line},
                                                  {"servers", std::move(servers)}};
  }
  return {{"core", core}, {"file", file}, {"services", std::move(services)}};
}

}  // namespace lvs::lvsd::io
