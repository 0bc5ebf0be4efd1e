// The table as the embedded core keeps it: what each command does to it and which errno it answers,
// as ip_vs does. Real servers of a service are in the kernel's order, newest first; a removed one
// stays in the trash with its id, because connections still point at it, and adding it again finds
// it there. Pure: each command says which parts of the maps are to be written; the shell writes
// them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "common/ipvs/types.h"
#include "common/result.h"
#include "common/time.h"

namespace lvs::core {

// What must be written, in this order: servers, services, services_gone, servers_gone.
struct Changes {
  std::vector<uint32_t> servers;        // Ids: configuration.
  std::set<uint32_t> fresh_servers;     // Among them: counters begin at zero.
  std::set<ipvs::ServiceKey> services;  // Slice and index.
  std::vector<std::pair<ipvs::ServiceKey, uint32_t>> services_gone;
  std::vector<uint32_t> servers_gone;   // Now in the trash.
  std::vector<uint32_t> servers_freed;  // Out of the trash.
};

struct Server {
  uint32_t id = 0;
  ipvs::DestKey key;
  ipvs::Dest dest;
  bool operator==(const Server&) const = default;
};

struct ServiceEntry {
  uint32_t id = 0;
  ipvs::Service service;
  std::vector<Server> servers;  // Newest first.
  bool operator==(const ServiceEntry&) const = default;
};

struct Trashed {
  ipvs::ServiceKey service;
  ipvs::DestKey key;
  TimePoint since;
};

class Table {
 public:
  Result<Changes> new_service(const ipvs::ServiceKey& key, const ipvs::Service& service);
  Result<Changes> set_service(const ipvs::ServiceKey& key, const ipvs::Service& service,
                              uint32_t flags_mask);
  Result<Changes> del_service(const ipvs::ServiceKey& key, TimePoint now);
  Result<Changes> new_dest(const ipvs::ServiceKey& service, const ipvs::DestKey& key,
                           const ipvs::Dest& dest);
  Result<Changes> set_dest(const ipvs::ServiceKey& service, const ipvs::DestKey& key,
                           const ipvs::Dest& dest);
  Result<Changes> del_dest(const ipvs::ServiceKey& service, const ipvs::DestKey& key,
                           TimePoint now);
  Changes flush(TimePoint now);

  // Frees what has been in the trash for two minutes and has no connections left.
  template <typename IsIdle>
  Changes collect(TimePoint now, IsIdle is_idle) {
    Changes changes;
    std::erase_if(trash_, [&](const auto& item) {
      if (now < item.second.since + kTrashTime || !is_idle(item.first)) {
        return false;
      }
      changes.servers_freed.push_back(item.first);
      return true;
    });
    return changes;
  }

  // What an earlier process left.
  void restore(const ipvs::ServiceKey& key, ServiceEntry entry);
  void restore_trashed(uint32_t id, Trashed trashed);

  const std::map<ipvs::ServiceKey, ServiceEntry>& services() const { return services_; }
  const std::map<uint32_t, Trashed>& trash() const { return trash_; }
  const ServiceEntry* find(const ipvs::ServiceKey& key) const;
  // The server with this id and its service, wherever it is; nothing when it is free or in the
  // trash.
  std::optional<std::pair<ipvs::ServiceKey, Server>> server(uint32_t id) const;

 private:
  static constexpr auto kTrashTime = std::chrono::seconds(120);

  ServiceEntry* entry(const ipvs::ServiceKey& key);
  std::optional<uint32_t> free_server_id() const;
  std::optional<uint32_t> free_service_id() const;

  std::map<ipvs::ServiceKey, ServiceEntry> services_;
  std::map<uint32_t, Trashed> trash_;
};

}  // namespace lvs::core
