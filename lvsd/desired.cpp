#include "lvsd/desired.h"

#include <algorithm>
#include <optional>

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

uint32_t scheduler_flag(const std::string& word) {
  if (word.ends_with("fallback") || word == "flag-1") {
    return ipvs::kSched1;
  }
  if (word.ends_with("port") || word == "flag-2") {
    return ipvs::kSched2;
  }
  return word == "flag-3" ? ipvs::kSched3 : 0;
}

const ipvs::Dest* find_dest(const ipvs::Table& table, const ServerId& id) {
  const auto entry = table.find(id.service);
  if (entry == table.end()) {
    return nullptr;
  }
  const auto dest = entry->second.dests.find(id.server);
  return dest == entry->second.dests.end() ? nullptr : &dest->second;
}

// Builds the entry of one service.
class EntryBuilder {
 public:
  EntryBuilder(const config::Config& config, const config::VirtualService& service,
               const ipvs::Table& actual, Desired& out)
      : config_(config),
        service_(service),
        key_(service_key(service)),
        actual_(actual),
        out_(out),
        entry_(out.table[key_]) {
    entry_.service = service_settings(service);
  }

  void add_server(const ipvs::DestKey& server_key, const config::RealServer& server,
                  Health health) {
    const ServerId id{key_, server_key};
    switch (health) {
      case Health::up:
        entry_.dests[server_key] = dest_of(server);
        available_ += server.weight > 0 ? 1 : 0;
        place(id, server.name, Standing::up);
        return;
      case Health::down:
        add_down(id, server);
        return;
      case Health::unknown:
        ++unknown_;
        if (const ipvs::Dest* kept = find_dest(actual_, id)) {
          entry_.dests[server_key] = *kept;
        }
        place(id, server.name, Standing::unknown);
        return;
    }
  }

  void add_draining(const ServerId& id) {
    const ipvs::Dest* held = find_dest(actual_, id);
    if (held == nullptr || out_.placements.contains(id)) {
      return;
    }
    ipvs::Dest dest = *held;
    dest.weight = 0;
    entry_.dests[id.server] = dest;
    place(id, "", Standing::draining);
  }

  void add_sorry_server() {
    if (!service_.sorry_server) {
      return;
    }
    const ServerId id{key_, {*service_.sorry_server, sorry_port()}};
    const auto placed = out_.placements.find(id);
    if (placed != out_.placements.end() && placed->second.standing != Standing::draining) {
      return;  // The sorry server is one of the servers too: then it is judged like one.
    }
    const ipvs::Dest dest = sorry_dest();
    if (!sorry_serves(id, dest)) {
      return;
    }
    for (auto& [server, real] : entry_.dests) {
      const auto place_of = out_.placements.find(ServerId{key_, server});
      if (place_of != out_.placements.end() && place_of->second.standing == Standing::up &&
          real.weight > 0) {
        real.weight = 0;
        place_of->second.standing = Standing::outvoted;
      }
    }
    entry_.dests[id.server] = dest;
    place(id, "", Standing::sorry);
  }

 private:
  void add_down(const ServerId& id, const config::RealServer& server) {
    if (!service_.quiesce_server) {
      place(id, server.name, Standing::down);
      return;
    }
    ipvs::Dest dest = dest_of(server);
    dest.weight = 0;
    entry_.dests[id.server] = dest;
    place(id, server.name, Standing::quiesced);
  }

  ipvs::Dest dest_of(const config::RealServer& server) const {
    ipvs::Dest dest;
    dest.forward = config::effective_forward(config_, service_, server);
    dest.weight = server.weight;
    dest.upper_threshold = server.u_threshold;
    dest.lower_threshold = server.l_threshold;
    return dest;
  }

  uint16_t sorry_port() const { return serves_many_ports(service_) ? uint16_t{0} : service_.port; }

  ipvs::Dest sorry_dest() const {
    config::RealServer sorry;
    sorry.address = *service_.sorry_server;
    sorry.weight = kSorryWeight;
    return dest_of(sorry);
  }

  // Decided by the servers that are known; while the unknown ones could tip it, as it is.
  bool sorry_serves(const ServerId& id, const ipvs::Dest& dest) const {
    if (available_ >= service_.quorum) {
      return false;
    }
    if (available_ + unknown_ < service_.quorum) {
      return true;
    }
    const ipvs::Dest* held = find_dest(actual_, id);
    return held != nullptr && *held == dest;
  }

  void place(const ServerId& id, const std::string& server_name, Standing standing) {
    out_.placements[id] = {service_.name, server_name, standing};
  }

  const config::Config& config_;
  const config::VirtualService& service_;
  const ipvs::ServiceKey key_;
  const ipvs::Table& actual_;
  Desired& out_;
  ipvs::Entry& entry_;
  int available_ = 0;
  int unknown_ = 0;
};

void note_skipped(const config::Config& config, Desired& out) {
  std::map<ipvs::ServiceKey, std::string> first;
  for (const auto& service : config.virtuals) {
    if (!service.active) {
      continue;
    }
    const auto [defined, is_first] = first.emplace(service_key(service), service.name);
    if (!is_first) {
      out.skipped.push_back("virtual " + service.name + ": " + ipvs::to_string(defined->first) +
                            " is defined by " + defined->second + " already");
    }
  }
}

}  // namespace

Family family_of(const config::VirtualService& service) {
  if (service.address) {
    return service.address->address.family();
  }
  return service.servers.empty() ? Family::v4 : service.servers.front().address.family();
}

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

ipvs::Service service_settings(const config::VirtualService& service) {
  const bool is_v6 = family_of(service) == Family::v6;
  ipvs::Service settings;
  settings.scheduler = service.scheduler;
  settings.prefix = is_v6 ? kWholeV6 : 32;
  for (const auto& word : service.sched_flags) {
    settings.flags |= scheduler_flag(word);
  }
  if (service.persistent > Duration::zero()) {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(service.persistent).count();
    settings.flags |= ipvs::kPersistent;
    settings.timeout = static_cast<uint32_t>(seconds);
    // The default of the model is IPv4's whole address.
    settings.prefix = is_v6 && service.pmask_prefix == 32 ? kWholeV6 : service.pmask_prefix;
  }
  return settings;
}

std::map<ipvs::ServiceKey, const config::VirtualService*> active_services(
    const config::Config& config) {
  std::map<ipvs::ServiceKey, const config::VirtualService*> services;
  if (config.service != config::ServiceMode::lvs) {
    return services;  // fos: pulse moves the failover blocks; there is nothing to balance.
  }
  for (const auto& service : config.virtuals) {
    if (service.active) {
      services.emplace(service_key(service), &service);
    }
  }
  return services;
}

std::map<ipvs::DestKey, const config::RealServer*> active_servers(
    const config::VirtualService& service) {
  std::map<ipvs::DestKey, const config::RealServer*> servers;
  for (const auto& server : service.servers) {
    if (server.active) {
      servers.emplace(server_key(service, server), &server);
    }
  }
  return servers;
}

void want_service(const config::Config& config, const config::VirtualService& service,
                  const HealthOf& health_of, const ipvs::Table& actual,
                  const std::set<ServerId>& draining, Desired& out) {
  const ipvs::ServiceKey key = service_key(service);
  want_nothing(key, out);
  EntryBuilder builder(config, service, actual, out);
  for (const auto& [server_key, server] : active_servers(service)) {
    builder.add_server(server_key, *server,
                       config::is_checked(service) ? health_of({key, server_key}) : Health::up);
  }
  for (auto id = draining.lower_bound(ServerId{key, {}});
       id != draining.end() && id->service == key; ++id) {
    builder.add_draining(*id);
  }
  builder.add_sorry_server();
}

void want_nothing(const ipvs::ServiceKey& key, Desired& out) {
  out.table.erase(key);
  auto placed = out.placements.lower_bound(ServerId{key, {}});
  while (placed != out.placements.end() && placed->first.service == key) {
    placed = out.placements.erase(placed);
  }
}

Desired desired_by(const config::Config& config, const HealthOf& health_of,
                   const ipvs::Table& actual, const std::set<ServerId>& draining) {
  Desired out;
  for (const auto& [key, service] : active_services(config)) {
    want_service(config, *service, health_of, actual, draining, out);
  }
  note_skipped(config, out);
  return out;
}

Desired desired(const config::Config& config, const Verdicts& verdicts, const ipvs::Table& actual,
                const std::set<ServerId>& draining) {
  const auto health_of = [&](const ServerId& id) {
    const auto found = verdicts.find(id);
    return found == verdicts.end() ? Health::unknown : found->second;
  };
  return desired_by(config, health_of, actual, draining);
}

}  // namespace lvs::lvsd
