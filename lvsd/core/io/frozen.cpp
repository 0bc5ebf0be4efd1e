#include "lvsd/core/io/frozen.h"

#include "lvsd/core/io/reading.h"

namespace lvs::core {

Result<Frozen> Frozen::open() {
  auto maps = find_attached(Access::read);
  if (!maps) {
    return maps.error();
  }
  MapNumbers fds{};
  for (size_t i = 0; i < kMaps; ++i) {
    fds[i] = (*maps)[i].get();
  }
  auto memory = Memory::map(fds, Access::read);
  if (!memory) {
    return memory.error();
  }
  return Frozen(std::move(*maps), std::move(*memory));
}

Frozen::Frozen(MapFds maps, Memory memory) : maps_(std::move(maps)), memory_(std::move(memory)) {
  for (const auto& [key, id] : service_ids(memory_.tables)) {
    if (auto found = laid_out(memory_.tables, id)) {
      services_.emplace(key, std::move(found->entry));
    }
  }
}

bool Frozen::armed() const {
  return memory_.tables.config->armed != 0;
}

Result<ipvs::Reply> Frozen::handle(const ipvs::Request& request) {
  return std::visit(
      [this, &request](const auto& one) -> Result<ipvs::Reply> {
        using One = std::decay_t<decltype(one)>;
        if constexpr (requires { this->execute(one); }) {
          return this->execute(one);
        } else if constexpr (std::is_same_v<One, ipvs::GetConnections>) {
          return ipvs::Reply(connections(memory_.tables, monotonic_ns()));
        } else if constexpr (std::is_same_v<One, ipvs::GetDrops>) {
          return ipvs::Reply(drops(memory_.tables));
        } else if constexpr (std::is_same_v<One, ipvs::GetSettings>) {
          return ipvs::Reply(chosen_settings(memory_.tables));
        } else if constexpr (std::is_same_v<One, ipvs::GetDenied>) {
          return ipvs::Reply(denied(memory_.tables));
        } else if constexpr (std::is_same_v<One, ipvs::GetConfig>) {
          return ipvs::Reply(timeouts(memory_.tables));
        } else if constexpr (std::is_same_v<One, ipvs::GetDaemons>) {
          return ipvs::Reply(std::vector<ipvs::SyncDaemon>{});
        } else {
          return Error{EROFS, ipvs::to_string(request) + ": lvsd is not there to do it"};
        }
      },
      request);
}

const ServiceEntry* Frozen::find(const ipvs::ServiceKey& key) const {
  const auto found = services_.find(key);
  return found == services_.end() ? nullptr : &found->second;
}

ipvs::ServiceStatus Frozen::status(const ipvs::ServiceKey& key, const ServiceEntry& entry) const {
  return {key, entry.service, shown(traffic_of(memory_.tables, entry))};
}

std::vector<ipvs::DestStatus> Frozen::servers(const ServiceEntry& entry) {
  if (!expired_) {
    expired_ = expired(memory_.tables, monotonic_ns());
  }
  std::vector<ipvs::DestStatus> all;
  for (const auto& [place, server] : entry.servers) {
    all.push_back(status_of(memory_.tables, server, expired_->of(server.id)));
  }
  return all;
}

Result<ipvs::Reply> Frozen::execute(const ipvs::GetService& request) const {
  const auto* entry = find(request.key);
  if (entry == nullptr) {
    return Error{ESRCH, "no virtual service " + to_string(request.key)};
  }
  return ipvs::Reply(std::vector{status(request.key, *entry)});
}

Result<ipvs::Reply> Frozen::execute(const ipvs::GetServices&) const {
  std::vector<ipvs::ServiceStatus> all;
  for (const auto& [key, entry] : services_) {
    all.push_back(status(key, entry));
  }
  return ipvs::Reply(std::move(all));
}

Result<ipvs::Reply> Frozen::execute(const ipvs::GetDests& request) {
  const auto* entry = find(request.service);
  return ipvs::Reply(entry == nullptr ? std::vector<ipvs::DestStatus>{} : servers(*entry));
}

Result<ipvs::Reply> Frozen::execute(const ipvs::GetInfo&) const {
  ipvs::Info info;
  info.connection_table_size = memory_.tables.config->connections_max;
  return ipvs::Reply(info);
}

}  // namespace lvs::core
