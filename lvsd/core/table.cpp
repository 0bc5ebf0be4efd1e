#include "lvsd/core/table.h"

#include <algorithm>
#include <climits>

#include "lvsd/core/layout.h"
#include "lvsd/core/schedulers.h"

namespace lvs::core {

namespace {

using ipvs::Dest;
using ipvs::DestKey;
using ipvs::Service;
using ipvs::ServiceKey;

constexpr uint32_t kServersPerServiceMax = LVS_DESTS_PER_SERVICE_MAX;
constexpr uint32_t kRoomMin = 8;
constexpr auto kTrashTime = std::chrono::seconds(120);

Error unknown_service(const ServiceKey& key) {
  return {ESRCH, "no virtual service " + to_string(key)};
}

std::optional<Error> wrong_key(const ServiceKey& key) {
  const auto* by_mark = std::get_if<ipvs::MarkKey>(&key);
  const bool is_wrong = by_mark != nullptr && by_mark->mark == 0;
  return is_wrong ? std::optional(Error{EINVAL, "a firewall mark of 0"}) : std::nullopt;
}

std::optional<Error> wrong_service(const ServiceKey& key, const Service& service) {
  if (find_scheduler(service.scheduler) == nullptr) {
    return Error{ENOENT, "no scheduler " + service.scheduler + " in the embedded core"};
  }
  if (!service.persistence_engine.empty() && service.persistence_engine != kSip) {
    return Error{ENOENT, "no persistence engine " + service.persistence_engine};
  }
  if (service.prefix > (family_of(key) == Family::v4 ? 32 : 128)) {
    return Error{EINVAL, "a persistence mask longer than an address"};
  }
  return std::nullopt;
}

// As the kernel sees it; a link-local address names no device, so it is no real server's.
bool is_unicast(const Address& address) {
  if (!address.is_v4()) {
    const auto* bytes = address.bytes();
    const bool is_link_local = bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80;
    return !address.is_unspecified() && bytes[0] != 0xff && !is_link_local;
  }
  const uint32_t host = address.v4_host();
  return host != 0 && (host >> 28) != 0xe && host != 0xffffffff;
}

std::optional<Error> wrong_tunnel(const Dest& dest) {
  if (dest.tunnel_type != ipvs::TunnelType::ipip && dest.tunnel_flags != 0) {
    return Error{EOPNOTSUPP, "the embedded core's tunnels have no checksums of their own"};
  }
  return std::nullopt;
}

std::optional<Error> wrong_dest(const ServiceKey& service, const DestKey& key, const Dest& dest) {
  if (dest.weight < 0) {
    return Error{ERANGE, "a weight below 0"};
  }
  if (dest.lower_threshold > dest.upper_threshold) {
    return Error{ERANGE, "the lower threshold is above the upper"};
  }
  if (dest.upper_threshold > INT_MAX) {
    return Error{EINVAL, "an upper threshold above " + std::to_string(INT_MAX)};
  }
  if (!is_unicast(key.address)) {
    return Error{EINVAL, to_string(key.address) + " is not a unicast address"};
  }
  if (dest.forward == ipvs::Forward::bypass) {
    return Error{EOPNOTSUPP, "the embedded core has no bypass"};
  }
  if (dest.forward == ipvs::Forward::tunnel) {
    return wrong_tunnel(dest);
  }
  if (key.address.family() != family_of(service)) {
    return Error{EINVAL, to_string(key.address) + " is not of the family of " + to_string(service)};
  }
  return std::nullopt;
}

void put(ServiceEntry& entry, uint32_t place, const Server& server) {
  entry.servers.insert_or_assign(place, server);
  entry.places.insert_or_assign(server.key, place);
  entry.used = std::max(entry.used, place + 1);
}

void drop(ServiceEntry& entry, uint32_t place) {
  entry.places.erase(entry.servers.at(place).key);
  entry.servers.erase(place);
}

bool has_table(const ServiceEntry& entry) {
  return find_scheduler(entry.service.scheduler)->table != nullptr;
}
bool has_table_of_weights(const ServiceEntry& entry) {
  return find_scheduler(entry.service.scheduler)->is_table_of_weights;
}

// Gaps cost every scheduler a look: not more of them than servers.
bool is_mostly_gaps(uint32_t used, size_t servers) {
  return used > kRoomMin && used > 2 * servers;
}

Server server_with(uint32_t id, const DestKey& key, const Dest& dest, int32_t last_weight) {
  return {id, key, dest, dest.weight != 0 ? dest.weight : last_weight};
}

}  // namespace

ServiceEntry laid_anew(const ServiceEntry& entry) {
  const auto count = static_cast<uint32_t>(entry.servers.size());
  ServiceEntry anew{.id = entry.id,
                    .service = entry.service,
                    .servers = {},
                    .room = std::max(kRoomMin, 2 * count)};
  for (auto server = entry.servers.rbegin(); server != entry.servers.rend(); ++server) {
    put(anew, anew.used, server->second);
  }
  return anew;
}

Result<Change> Table::prepare(const ipvs::NewService& command) const {
  if (auto error = wrong_key(command.key)) {
    return *error;
  }
  if (find(command.key) != nullptr) {
    return Error{EEXIST, "virtual service " + to_string(command.key) + " exists"};
  }
  if (auto error = wrong_service(command.key, command.service)) {
    return *error;
  }
  const auto id = service_ids_.next();
  if (!id) {
    return Error{ENOMEM, "more than " + std::to_string(limits_.services) + " virtual services"};
  }
  ServiceEntry made{.id = *id, .service = command.service, .servers = {}};
  made.service.flags &= ~ipvs::kHashed;
  return Change(PutService{command.key, laid_anew(made), true});
}

Result<Change> Table::prepare(const ipvs::SetService& command) const {
  const auto* found = find(command.key);
  if (found == nullptr) {
    return unknown_service(command.key);
  }
  ServiceEntry edited = laid_anew(*found);
  edited.service = command.service;
  edited.service.flags = ((found->service.flags & ~command.flags_mask) |
                          (command.service.flags & command.flags_mask)) &
                         ~ipvs::kHashed;
  if (auto error = wrong_service(command.key, edited.service)) {
    return *error;
  }
  return Change(PutService{command.key, std::move(edited)});
}

Result<Change> Table::prepare(const ipvs::DelService& command) const {
  if (find(command.key) == nullptr) {
    return unknown_service(command.key);
  }
  return Change(DropServices{{command.key}});
}

Result<Change> Table::prepare(const ipvs::Flush&) const {
  DropServices all;
  for (const auto& [key, entry] : services_) {
    all.keys.push_back(key);
  }
  return Change(std::move(all));
}

Result<Change> Table::prepare(const ipvs::NewDest& command) const {
  const auto* found = find(command.service);
  if (found == nullptr) {
    return unknown_service(command.service);
  }
  if (auto error = wrong_dest(command.service, command.key, command.dest)) {
    return *error;
  }
  if (found->places.contains(command.key)) {
    return Error{EEXIST, "real server " + to_string(command.key) + " exists"};
  }
  if (found->servers.size() >= kServersPerServiceMax) {
    return Error{ENOMEM,
                 "more than " + std::to_string(kServersPerServiceMax) + " servers in a service"};
  }
  const auto& trash = trash_of(command.service);
  const auto trashed = trash.find(command.key);
  const bool is_back = trashed != trash.end();
  const auto id = is_back ? std::optional(trashed->second) : server_ids_.next();
  if (!id) {
    return Error{ENOMEM, "more than " + std::to_string(limits_.servers) + " real servers"};
  }
  const int32_t last_weight = is_back ? trash_.at(*id).last_weight : 0;
  PutServer change{.service = command.service,
                   .place = found->used,
                   .server = server_with(*id, command.key, command.dest, last_weight),
                   .arrival = is_back ? Arrival::from_trash : Arrival::fresh};
  if (found->used == found->room || has_table(*found)) {
    ServiceEntry with = *found;
    put(with, change.place, change.server);
    change.anew = laid_anew(with);
  }
  return Change(std::move(change));
}

Result<Change> Table::prepare(const ipvs::SetDest& command) const {
  const auto* found = find(command.service);
  if (found == nullptr) {
    return unknown_service(command.service);
  }
  if (auto error = wrong_dest(command.service, command.key, command.dest)) {
    return *error;
  }
  const auto place = found->places.find(command.key);
  if (place == found->places.end()) {
    return Error{ENOENT, "no real server " + to_string(command.key)};
  }
  const Server& before = found->servers.at(place->second);
  PutServer change{.service = command.service,
                   .place = place->second,
                   .server = server_with(before.id, command.key, command.dest, before.last_weight),
                   .arrival = Arrival::was_there};
  if (before.dest.weight != command.dest.weight && has_table_of_weights(*found)) {
    ServiceEntry with = *found;
    put(with, change.place, change.server);
    change.anew = laid_anew(with);
  }
  return Change(std::move(change));
}

Result<Change> Table::prepare(const ipvs::DelDest& command) const {
  const auto* found = find(command.service);
  if (found == nullptr) {
    return unknown_service(command.service);
  }
  const auto place = found->places.find(command.key);
  if (place == found->places.end()) {
    return Error{ENOENT, "no real server " + to_string(command.key)};
  }
  DropServer change{.service = command.service,
                    .place = place->second,
                    .id = found->servers.at(place->second).id};
  if (is_mostly_gaps(found->used, found->servers.size() - 1) || has_table(*found)) {
    ServiceEntry without = *found;
    drop(without, change.place);
    change.anew = laid_anew(without);
  }
  return Change(std::move(change));
}

FreeServers Table::prepare_collection(TimePoint now,
                                      const std::function<bool(uint32_t)>& is_idle) const {
  FreeServers change;
  for (const auto& [id, trashed] : trash_) {
    if (now >= trashed.since + kTrashTime && is_idle(id)) {
      change.ids.push_back(id);
    }
  }
  return change;
}

void Table::commit(const Change& change, TimePoint now) {
  std::visit([&](const auto& one) { make(one, now); }, change);
}

void Table::make(const PutService& change, TimePoint) {
  service_ids_.take(change.entry.id);
  services_.insert_or_assign(change.key, change.entry);
}

void Table::make(const DropServices& change, TimePoint now) {
  for (const auto& key : change.keys) {
    const auto found = services_.find(key);
    for (const auto& [place, server] : found->second.servers) {
      throw_away(server.id, {key, server.key, server.last_weight, now});
    }
    service_ids_.give_back(found->second.id);
    services_.erase(found);
  }
}

void Table::make(const PutServer& change, TimePoint) {
  take_out(change.server.id);
  server_ids_.take(change.server.id);
  auto& entry = services_.at(change.service);
  if (change.anew) {
    entry = *change.anew;
  } else {
    put(entry, change.place, change.server);
  }
}

void Table::make(const DropServer& change, TimePoint now) {
  auto& entry = services_.at(change.service);
  const Server& gone = entry.servers.at(change.place);
  throw_away(change.id, {change.service, gone.key, gone.last_weight, now});
  if (change.anew) {
    entry = *change.anew;
  } else {
    drop(entry, change.place);
  }
}

void Table::make(const FreeServers& change, TimePoint) {
  for (const auto id : change.ids) {
    take_out(id);
    server_ids_.give_back(id);
  }
}

void Table::throw_away(uint32_t id, const Trashed& trashed) {
  trash_.insert_or_assign(id, trashed);
  trash_of_[trashed.service].insert_or_assign(trashed.key, id);
}

void Table::take_out(uint32_t id) {
  const auto found = trash_.find(id);
  if (found == trash_.end()) {
    return;
  }
  const auto of_service = trash_of_.find(found->second.service);
  of_service->second.erase(found->second.key);
  if (of_service->second.empty()) {
    trash_of_.erase(of_service);
  }
  trash_.erase(found);
}

void Table::restore(const ServiceKey& key, ServiceEntry restored) {
  service_ids_.take(restored.id);
  for (const auto& [place, server] : restored.servers) {
    server_ids_.take(server.id);
  }
  services_.insert_or_assign(key, std::move(restored));
}

void Table::restore_trashed(uint32_t id, const Trashed& trashed) {
  server_ids_.take(id);
  throw_away(id, trashed);
}

const std::map<DestKey, uint32_t>& Table::trash_of(const ServiceKey& key) const {
  static const std::map<DestKey, uint32_t> none;
  const auto found = trash_of_.find(key);
  return found == trash_of_.end() ? none : found->second;
}

const ServiceEntry* Table::find(const ServiceKey& key) const {
  const auto found = services_.find(key);
  return found == services_.end() ? nullptr : &found->second;
}

}  // namespace lvs::core
