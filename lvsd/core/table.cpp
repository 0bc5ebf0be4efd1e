#include "lvsd/core/table.h"

#include <algorithm>
#include <climits>

#include "lvsd/bpf/abi.h"
#include "lvsd/core/layout.h"

namespace lvs::core {

namespace {

using ipvs::Dest;
using ipvs::DestKey;
using ipvs::Service;
using ipvs::ServiceKey;

constexpr size_t kServicesMax = LVS_SERVICES_MAX - 1;
constexpr size_t kServersPerServiceMax = LVS_DESTS_PER_SERVICE_MAX;

Error unknown_service(const ServiceKey& key) {
  return {ESRCH, "no virtual service " + to_string(key)};
}

std::optional<Error> wrong_key(const ServiceKey& key) {
  const auto* by_address = std::get_if<ipvs::AddressKey>(&key);
  if (by_address == nullptr) {
    const auto& by_mark = std::get<ipvs::MarkKey>(key);
    if (by_mark.family != Family::v4) {
      return Error{EAFNOSUPPORT, "the embedded core balances IPv4 only"};
    }
    return by_mark.mark == 0 ? std::optional(Error{EINVAL, "a firewall mark of 0"}) : std::nullopt;
  }
  if (!by_address->address.is_v4()) {
    return Error{EAFNOSUPPORT, "the embedded core balances IPv4 only"};
  }
  if (by_address->protocol == ipvs::Protocol::sctp) {
    return Error{EPROTONOSUPPORT, "the embedded core balances TCP and UDP only"};
  }
  return std::nullopt;
}

std::optional<Error> wrong_service(const Service& service) {
  if (!scheduler_number(service.scheduler)) {
    return Error{ENOENT, "no scheduler " + service.scheduler + " in the embedded core"};
  }
  if (!service.persistence_engine.empty()) {
    return Error{ENOENT, "no persistence engine " + service.persistence_engine};
  }
  if (service.flags & ipvs::kOnePacket) {
    return Error{EOPNOTSUPP, "one-packet scheduling is not in the embedded core"};
  }
  if (service.prefix > 32) {
    return Error{EINVAL, "a persistence mask longer than an address"};
  }
  return std::nullopt;
}

bool is_unicast(const Address& address) {
  const uint32_t host = address.v4_host();
  return host != 0 && (host >> 28) != 0xe && host != 0xffffffff;
}

std::optional<Error> wrong_dest(const DestKey& key, const Dest& dest) {
  if (dest.weight < 0) {
    return Error{ERANGE, "a weight below 0"};
  }
  if (dest.lower_threshold > dest.upper_threshold) {
    return Error{ERANGE, "the lower threshold is above the upper"};
  }
  if (dest.upper_threshold > INT_MAX) {
    return Error{EINVAL, "an upper threshold above " + std::to_string(INT_MAX)};
  }
  if (!key.address.is_v4() || !is_unicast(key.address)) {
    return Error{EINVAL, to_string(key.address) + " is not a unicast IPv4 address"};
  }
  if (dest.forward != ipvs::Forward::masq && dest.forward != ipvs::Forward::direct &&
      dest.forward != ipvs::Forward::local) {
    return Error{EOPNOTSUPP, "the embedded core forwards by NAT, by direct routing and to itself"};
  }
  return std::nullopt;
}

auto find_server(std::vector<Server>& servers, const DestKey& key) {
  return std::find_if(servers.begin(), servers.end(),
                      [&](const Server& server) { return server.key == key; });
}

}  // namespace

Result<Changes> Table::new_service(const ServiceKey& key, const Service& service) {
  if (auto error = wrong_key(key)) {
    return *error;
  }
  if (entry(key) != nullptr) {
    return Error{EEXIST, "virtual service " + to_string(key) + " exists"};
  }
  if (auto error = wrong_service(service)) {
    return *error;
  }
  const auto id = free_service_id();
  if (!id) {
    return Error{ENOMEM, "more than " + std::to_string(kServicesMax) + " virtual services"};
  }
  ServiceEntry made{.id = *id, .service = service, .servers = {}};
  made.service.flags &= ~ipvs::kHashed;
  services_.emplace(key, std::move(made));
  Changes changes;
  changes.services.insert(key);
  return changes;
}

Result<Changes> Table::set_service(const ServiceKey& key, const Service& service,
                                   uint32_t flags_mask) {
  auto* found = entry(key);
  if (found == nullptr) {
    return unknown_service(key);
  }
  Service merged = service;
  merged.flags =
      ((found->service.flags & ~flags_mask) | (service.flags & flags_mask)) & ~ipvs::kHashed;
  if (auto error = wrong_service(merged)) {
    return *error;
  }
  found->service = std::move(merged);
  Changes changes;
  changes.services.insert(key);
  return changes;
}

Result<Changes> Table::del_service(const ServiceKey& key, TimePoint now) {
  const auto found = services_.find(key);
  if (found == services_.end()) {
    return unknown_service(key);
  }
  Changes changes;
  changes.services_gone.emplace_back(key, found->second.id);
  for (const auto& server : found->second.servers) {
    trash_[server.id] = {key, server.key, now};
    changes.servers_gone.push_back(server.id);
  }
  services_.erase(found);
  return changes;
}

Result<Changes> Table::new_dest(const ServiceKey& service, const DestKey& key, const Dest& dest) {
  auto* found = entry(service);
  if (found == nullptr) {
    return unknown_service(service);
  }
  if (auto error = wrong_dest(key, dest)) {
    return *error;
  }
  if (find_server(found->servers, key) != found->servers.end()) {
    return Error{EEXIST, "real server " + to_string(key) + " exists"};
  }
  if (found->servers.size() >= kServersPerServiceMax) {
    return Error{ENOMEM,
                 "more than " + std::to_string(kServersPerServiceMax) + " servers in a service"};
  }
  Changes changes;
  std::optional<uint32_t> id;
  const auto trashed = std::find_if(trash_.begin(), trash_.end(), [&](const auto& item) {
    return item.second.service == service && item.second.key == key;
  });
  if (trashed != trash_.end()) {
    id = trashed->first;
    trash_.erase(trashed);
  } else {
    id = free_server_id();
    if (!id) {
      return Error{ENOMEM, "more than " + std::to_string(LVS_DESTS_MAX) + " real servers"};
    }
    changes.fresh_servers.insert(*id);
  }
  found->servers.insert(found->servers.begin(), Server{*id, key, dest});
  changes.servers.push_back(*id);
  changes.services.insert(service);
  return changes;
}

Result<Changes> Table::set_dest(const ServiceKey& service, const DestKey& key, const Dest& dest) {
  auto* found = entry(service);
  if (found == nullptr) {
    return unknown_service(service);
  }
  if (auto error = wrong_dest(key, dest)) {
    return *error;
  }
  const auto server = find_server(found->servers, key);
  if (server == found->servers.end()) {
    return Error{ENOENT, "no real server " + to_string(key)};
  }
  server->dest = dest;
  Changes changes;
  changes.servers.push_back(server->id);
  changes.services.insert(service);
  return changes;
}

Result<Changes> Table::del_dest(const ServiceKey& service, const DestKey& key, TimePoint now) {
  auto* found = entry(service);
  if (found == nullptr) {
    return unknown_service(service);
  }
  const auto server = find_server(found->servers, key);
  if (server == found->servers.end()) {
    return Error{ENOENT, "no real server " + to_string(key)};
  }
  Changes changes;
  changes.servers_gone.push_back(server->id);
  changes.services.insert(service);
  trash_[server->id] = {service, key, now};
  found->servers.erase(server);
  return changes;
}

Changes Table::flush(TimePoint now) {
  Changes all;
  while (!services_.empty()) {
    auto one = del_service(services_.begin()->first, now);
    all.services_gone.push_back(one->services_gone.front());
    all.servers_gone.insert(all.servers_gone.end(), one->servers_gone.begin(),
                            one->servers_gone.end());
  }
  return all;
}

void Table::restore(const ServiceKey& key, ServiceEntry restored) {
  services_.insert_or_assign(key, std::move(restored));
}

void Table::restore_trashed(uint32_t id, Trashed trashed) {
  trash_.insert_or_assign(id, std::move(trashed));
}

const ServiceEntry* Table::find(const ServiceKey& key) const {
  const auto found = services_.find(key);
  return found == services_.end() ? nullptr : &found->second;
}

std::optional<std::pair<ServiceKey, Server>> Table::server(uint32_t id) const {
  for (const auto& [key, service] : services_) {
    for (const auto& server : service.servers) {
      if (server.id == id) {
        return std::pair{key, server};
      }
    }
  }
  return std::nullopt;
}

ServiceEntry* Table::entry(const ServiceKey& key) {
  const auto found = services_.find(key);
  return found == services_.end() ? nullptr : &found->second;
}

std::optional<uint32_t> Table::free_server_id() const {
  std::set<uint32_t> used;
  for (const auto& [key, service] : services_) {
    for (const auto& server : service.servers) {
      used.insert(server.id);
    }
  }
  for (const auto& [id, trashed] : trash_) {
    used.insert(id);
  }
  for (uint32_t id = 0; id < LVS_DESTS_MAX; ++id) {
    if (!used.contains(id)) {
      return id;
    }
  }
  return std::nullopt;
}

std::optional<uint32_t> Table::free_service_id() const {
  std::set<uint32_t> used;
  for (const auto& [key, service] : services_) {
    used.insert(service.id);
  }
  for (uint32_t id = 0; id < kServicesMax; ++id) {
    if (!used.contains(id)) {
      return id;
    }
  }
  return std::nullopt;
}

}  // namespace lvs::core
