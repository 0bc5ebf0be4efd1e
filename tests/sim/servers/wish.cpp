#include "tests/sim/servers/wish.h"

#include <algorithm>

namespace lvs::sim::servers {
namespace {

ipvs::Dest dest_of(const config::Config& config, const config::VirtualService& service,
                   const config::RealServer& server) {
  ipvs::Dest dest;
  dest.weight = server.weight;
  dest.forward = server.forward    ? *server.forward
                 : service.forward ? *service.forward
                                   : config.network;
  return dest;
}

int count_serving(const config::VirtualService& service, const Network& network) {
  const auto servers = servers_in_use(service);
  return static_cast<int>(std::ranges::count_if(servers, [&](const auto& each) {
    return each.second->weight > 0 && (!has_check(service) || network.works(each.first.address));
  }));
}

ipvs::Entry entry_of(const config::Config& config, const config::VirtualService& service,
                     const Network& network) {
  ipvs::Entry entry{settings_of(service), {}};
  const auto sorry = sorry_server_of(service);
  const bool is_sorry = sorry && count_serving(service, network) < service.quorum;
  for (const auto& [key, server] : servers_in_use(service)) {
    const bool works = !has_check(service) || network.works(key.address);
    if (works || service.quiesce_server) {
      ipvs::Dest& dest = entry.dests[key] = dest_of(config, service, *server);
      dest.weight = works && !is_sorry ? dest.weight : 0;
    }
  }
  if (is_sorry) {
    ipvs::Dest& dest = entry.dests[*sorry];
    dest.weight = 1;
    dest.forward = service.forward.value_or(config.network);
  }
  return entry;
}

}  // namespace

ipvs::ServiceKey key_of(const config::VirtualService& service) {
  if (service.fwmark != 0) {
    return ipvs::MarkKey{service.fwmark, Family::v4};
  }
  return ipvs::AddressKey{service.protocol, service.address->address, service.port};
}

std::map<ipvs::ServiceKey, const config::VirtualService*> services_in_use(
    const config::Config& config) {
  std::map<ipvs::ServiceKey, const config::VirtualService*> services;
  for (const auto& service : config.virtuals) {
    if (service.active) {
      services.emplace(key_of(service), &service);
    }
  }
  return services;
}

std::map<ipvs::DestKey, const config::RealServer*> servers_in_use(
    const config::VirtualService& service) {
  std::map<ipvs::DestKey, const config::RealServer*> servers;
  for (const auto& server : service.servers) {
    if (server.active && !server.waits) {
      servers.emplace(ipvs::DestKey{server.address, server.port}, &server);
    }
  }
  return servers;
}

std::optional<ipvs::DestKey> sorry_server_of(const config::VirtualService& service) {
  if (!service.sorry_server) {
    return std::nullopt;
  }
  const ipvs::DestKey key{*service.sorry_server, service.port};
  return servers_in_use(service).contains(key) ? std::nullopt : std::optional(key);
}

bool has_check(const config::VirtualService& service) {
  const auto* named = service.check ? std::get_if<config::NamedCheck>(&*service.check) : nullptr;
  return named == nullptr || named->kind != "none";
}

ipvs::Service settings_of(const config::VirtualService& service) {
  ipvs::Service settings;
  settings.scheduler = service.scheduler;
  if (service.persistent > Duration{0}) {
    settings.flags = ipvs::kPersistent;
    settings.timeout = static_cast<uint32_t>(
        std::chrono::duration_cast<std::chrono::seconds>(service.persistent).count());
  }
  return settings;
}

bool is_served_by(const config::VirtualService& service, const std::set<Address>& directors) {
  return (service.sorry_server && directors.contains(*service.sorry_server)) ||
         std::ranges::any_of(servers_in_use(service), [&](const auto& each) {
           return directors.contains(each.first.address);
         });
}

ipvs::Table wish(const config::Config& config, const Network& network,
                 const std::set<Address>& standbys) {
  ipvs::Table table;
  for (const auto& [key, service] : services_in_use(config)) {
    if (!is_served_by(*service, standbys)) {
      table.emplace(key, entry_of(config, *service, network));
    }
  }
  return table;
}

size_t count_failing(const config::Config& config, const Network& network) {
  size_t failing = 0;
  for (const auto& [key, service] : services_in_use(config)) {
    const auto servers = servers_in_use(*service);
    const auto with_weight = static_cast<int>(
        std::ranges::count_if(servers, [](const auto& each) { return each.second->weight > 0; }));
    const int needed = std::min(with_weight, sorry_server_of(*service) ? service->quorum : 1);
    if (has_check(*service) && count_serving(*service, network) < needed) {
      ++failing;
    }
  }
  return failing;
}

}  // namespace lvs::sim::servers
