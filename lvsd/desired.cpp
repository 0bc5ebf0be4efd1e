#include "lvsd/desired.h"

#include <algorithm>
#include <utility>

#include "common/ipvs/capabilities.h"
#include "lvsd/changed_keys.h"

namespace lvs::lvsd {

std::string to_string(const ServerId& id) {
  return ipvs::to_string(id.server) + " of " + ipvs::to_string(id.service);
}

std::string to_string(Standing standing) {
  switch (standing) {
    case Standing::up:
      return "up";
    case Standing::down:
      return "down";
    case Standing::quiesced:
      return "quiesced";
    case Standing::unknown:
      return "unknown";
    case Standing::outvoted:
      return "below quorum";
    case Standing::draining:
      return "draining";
    case Standing::sorry:
      return "sorry";
  }
  return "unknown";
}

namespace {

constexpr unsigned kWholeV6 = 128;
constexpr int32_t kSorryWeight = 1;

bool serves_many_ports(const config::VirtualService& service) {
  if (service.fwmark == 0 || service.mark_ports.empty()) {
    return false;
  }
  const auto& only = service.mark_ports.front();
  const bool is_its_own_port =
      service.mark_ports.size() == 1 && only.ranges.size() == 1 &&
      only.ranges.front() == std::pair<uint16_t, uint16_t>{service.port, service.port};
  return !is_its_own_port;
}

ipvs::DestKey sorry_key(const config::VirtualService& service) {
  return {*service.sorry_server, serves_many_ports(service) ? uint16_t{0} : service.port};
}

// Builds the entry of one service.
class EntryBuilder {
 public:
  // held: the service in the actual table, or nullptr.
  EntryBuilder(const config::Config& config, const config::VirtualService& service,
               const ipvs::Entry* held)
      : config_(config), service_(service), held_(held) {
    out_.entry.service = service_settings(service);
  }

  void add_server(const ipvs::DestKey& key, const config::RealServer& server, Health health) {
    switch (health) {
      case Health::up:
        out_.entry.dests[key] = dest_of(server);
        available_ += server.weight > 0 ? 1 : 0;
        out_.standings[key] = Standing::up;
        return;
      case Health::down:
      case Health::recovering:  // judge() has chosen already.
      case Health::cut:
        add_down(key, server);
        return;
      case Health::unknown:
        ++unknown_;
        if (const ipvs::Dest* kept = held_dest(key)) {
          out_.entry.dests[key] = *kept;
        }
        out_.standings[key] = Standing::unknown;
        return;
    }
  }

  void add_draining(const ipvs::DestKey& key) {
    const ipvs::Dest* held = held_dest(key);
    if (held == nullptr || out_.standings.contains(key)) {
      return;
    }
    ipvs::Dest dest = *held;
    dest.weight = 0;
    out_.entry.dests[key] = dest;
    out_.standings[key] = Standing::draining;
  }

  void add_sorry_server() {
    if (!service_.sorry_server) {
      return;
    }
    const ipvs::DestKey key = sorry_key(service_);
    const auto standing = out_.standings.find(key);
    if (standing != out_.standings.end() && standing->second != Standing::draining) {
      return;  // The sorry server is one of the servers too: then it is judged like one.
    }
    const ipvs::Dest dest = sorry_dest();
    if (!sorry_serves(key, dest)) {
      return;
    }
    for (auto& [server, real] : out_.entry.dests) {
      Standing& stands = out_.standings.at(server);
      if (stands == Standing::up && real.weight > 0) {
        real.weight = 0;
        stands = Standing::outvoted;
      }
    }
    out_.entry.dests[key] = dest;
    out_.standings[key] = Standing::sorry;
  }

  bool takes_connections(const ipvs::DestKey& key) const {
    const ipvs::Dest* held = held_dest(key);
    return held != nullptr && held->weight > 0;
  }

  WantedService take() { return std::move(out_); }

 private:
  void add_down(const ipvs::DestKey& key, const config::RealServer& server) {
    if (!service_.quiesce_server) {
      out_.standings[key] = Standing::down;
      return;
    }
    ipvs::Dest dest = dest_of(server);
    dest.weight = 0;
    out_.entry.dests[key] = dest;
    out_.standings[key] = Standing::quiesced;
  }

  const ipvs::Dest* held_dest(const ipvs::DestKey& key) const {
    if (held_ == nullptr) {
      return nullptr;
    }
    const auto dest = held_->dests.find(key);
    return dest == held_->dests.end() ? nullptr : &dest->second;
  }

  ipvs::Dest dest_of(const config::RealServer& server) const {
    ipvs::Dest dest;
    dest.forward = config::effective_forward(config_, service_, server);
    dest.weight = server.weight;
    dest.upper_threshold = server.u_threshold;
    dest.lower_threshold = server.l_threshold;
    return dest;
  }

  ipvs::Dest sorry_dest() const {
    config::RealServer sorry;
    sorry.address = *service_.sorry_server;
    sorry.port = service_.port;
    sorry.weight = kSorryWeight;
    return dest_of(sorry);
  }

  // Decided by the servers that are known; while the unknown ones could tip it, as it is.
  bool sorry_serves(const ipvs::DestKey& key, const ipvs::Dest& dest) const {
    if (available_ >= service_.quorum) {
      return false;
    }
    if (available_ + unknown_ < service_.quorum) {
      return true;
    }
    const ipvs::Dest* held = held_dest(key);
    return held != nullptr && *held == dest;
  }

  const config::Config& config_;
  const config::VirtualService& service_;
  const ipvs::Entry* held_;
  WantedService out_;
  int available_ = 0;
  int unknown_ = 0;
};

struct JudgedServer {
  ipvs::DestKey key;
  const config::RealServer* server;
  HeardHealth heard;

  bool is_recovering() const { return heard.health == Health::recovering; }
  bool is_up() const { return heard.health == Health::up; }
  bool has_weight() const { return server->weight > 0; }
};

// A service's servers with their health as the service is to act on it.
std::vector<JudgedServer> judge(const ipvs::ServiceKey& key, const config::VirtualService& service,
                                const HealthOf& health_of, const EntryBuilder& builder) {
  const bool is_checked = config::is_checked(service);
  const auto servers = active_servers(service);
  std::vector<JudgedServer> judged;
  judged.reserve(servers.size());
  for (const auto& [server_key, server] : servers) {
    judged.push_back({server_key, server, is_checked ? health_of({key, server_key}) : Health::up});
  }
  const bool others_serve = has_sorry_server(service, servers) ||
                            std::any_of(judged.begin(), judged.end(), [](const auto& each) {
                              return each.is_up() && each.has_weight();
                            });
  bool somebody_serves = others_serve;
  const auto let_in = [&](JudgedServer& each) {
    each.heard.health = Health::up;
    somebody_serves = somebody_serves || each.has_weight();
  };
  for (auto& each : judged) {
    const bool is_early = !others_serve && !each.heard.has_relapsed;
    if (each.is_recovering() && (is_early || builder.takes_connections(each.key))) {
      let_in(each);
    }
  }
  const bool is_each_wanted = !somebody_serves;
  for (auto& each : judged) {
    if (each.is_recovering() && is_each_wanted) {
      let_in(each);
    }
  }
  for (auto& each : judged) {
    if (each.heard.health == Health::cut) {
      each.heard.health = somebody_serves ? Health::down : Health::up;
    }
  }
  return judged;
}

}  // namespace

ipvs::ServiceKey service_key(const config::VirtualService& service) {
  if (service.fwmark != 0) {
    return ipvs::MarkKey{service.fwmark, family_of(service)};
  }
  return ipvs::AddressKey{service.protocol, service.address ? service.address->address : Address{},
                          service.port};
}

ipvs::DestKey server_key(const config::VirtualService& service, const config::RealServer& server) {
  const bool keeps_port = !server.port_given && serves_many_ports(service);
  return {server.address, keeps_port ? uint16_t{0} : server.port};
}

bool has_sorry_server(const config::VirtualService& service, const Servers& servers) {
  return service.sorry_server && !servers.contains(sorry_key(service));
}

ipvs::Service service_settings(const config::VirtualService& service) {
  const bool is_v6 = family_of(service) == Family::v6;
  ipvs::Service settings;
  settings.scheduler = service.scheduler;
  settings.prefix = is_v6 ? kWholeV6 : 32;
  for (const auto& word : service.sched_flags) {
    const auto* flag = ipvs::find_named(ipvs::kSchedulerFlags, word);
    settings.flags |= flag == nullptr ? 0 : flag->bit;
  }
  settings.flags |= service.ops ? ipvs::kOnePacket : 0;
  if (service.persistent > Duration::zero()) {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(service.persistent).count();
    settings.flags |= ipvs::kPersistent;
    settings.persistence_engine = service.persistence_engine;
    settings.timeout = static_cast<uint32_t>(seconds);
    // The default of the model is IPv4's whole address.
    settings.prefix = is_v6 && service.pmask_prefix == 32 ? kWholeV6 : service.pmask_prefix;
  }
  return settings;
}

ActiveServices active_services(const config::Config& config) {
  ActiveServices services;
  if (config.service != config::ServiceMode::lvs) {
    return services;  // fos: pulse moves the failover blocks; there is nothing to balance.
  }
  for (const auto& service : config.virtuals) {
    if (service.in_use()) {
      services.emplace(service_key(service), &service);
    }
  }
  return services;
}

std::set<ipvs::ServiceKey> changed_services(const ActiveServices& before,
                                            const ActiveServices& after) {
  return changed_keys(before, after,
                      [](const auto* a, const auto* b) { return a == b || *a == *b; });
}

std::vector<std::string> skipped_services(const config::Config& config) {
  std::vector<std::string> skipped;
  std::map<ipvs::ServiceKey, const config::VirtualService*> first;
  for (const auto& service : config.virtuals) {
    if (!service.in_use()) {
      continue;
    }
    const auto [defined, is_first] = first.emplace(service_key(service), &service);
    if (!is_first) {
      skipped.push_back("virtual " + service.name + ": " + ipvs::to_string(defined->first) +
                        " is defined by " + defined->second->name + " already");
    }
  }
  return skipped;
}

Servers active_servers(const config::VirtualService& service) {
  Servers servers;
  for (const auto& server : service.servers) {
    if (server.in_use()) {
      servers.emplace(server_key(service, server), &server);
    }
  }
  return servers;
}

WantedService want_service(const config::Config& config, const config::VirtualService& service,
                           const HealthOf& health_of, const ipvs::Table& actual,
                           const Draining& draining) {
  const ipvs::ServiceKey key = service_key(service);
  const auto held = actual.find(key);
  EntryBuilder builder(config, service, held == actual.end() ? nullptr : &held->second);
  for (const JudgedServer& each : judge(key, service, health_of, builder)) {
    builder.add_server(each.key, *each.server, each.heard.health);
  }
  for (auto drained = draining.lower_bound(ServerId{key, {}});
       drained != draining.end() && drained->first.service == key; ++drained) {
    builder.add_draining(drained->first.server);
  }
  builder.add_sorry_server();
  return builder.take();
}

Desired desired_by(const config::Config& config, const HealthOf& health_of,
                   const ipvs::Table& actual, const Draining& draining) {
  Desired out;
  for (const auto& [key, service] : active_services(config)) {
    WantedService wanted = want_service(config, *service, health_of, actual, draining);
    out.table.emplace(key, std::move(wanted.entry));
    out.standings.emplace(key, std::move(wanted.standings));
  }
  return out;
}

Desired desired(const config::Config& config, const Verdicts& verdicts, const ipvs::Table& actual,
                const Draining& draining) {
  const auto health_of = [&](const ServerId& id) {
    const auto found = verdicts.find(id);
    return found == verdicts.end() ? Health::unknown : found->second;
  };
  return desired_by(config, health_of, actual, draining);
}

}  // namespace lvs::lvsd
