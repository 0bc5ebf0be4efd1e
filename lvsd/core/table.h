// The table as the embedded core keeps it: what each command changes in it and which errno it
// answers, as ip_vs does. Real servers of a service are in the kernel's order, newest first; a
// removed one stays in the trash with its id, because connections still point at it, and adding it
// again finds it there.
//
// A command is prepared first, which changes nothing; the shell writes the maps; commit() makes the
// change here when they are written. So a write that fails leaves both as they were. Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <variant>
#include <vector>

#include "common/ipvs/request.h"
#include "common/result.h"
#include "common/time.h"
#include "lvsd/bpf/abi.h"
#include "lvsd/core/ids.h"

namespace lvs::core {

struct Server {
  uint32_t id = 0;
  ipvs::DestKey key;
  ipvs::Dest dest;
  int32_t last_weight = dest.weight;  // The last that was not 0.
  bool operator==(const Server&) const = default;
};

// By the place of their slots in the service's slice; the newest has the highest and comes first.
using Servers = std::map<uint32_t, Server, std::greater<>>;

struct ServiceEntry {
  uint32_t id = 0;
  ipvs::Service service;
  Servers servers;
  std::map<ipvs::DestKey, uint32_t> places = {};
  uint32_t used = 0;  // Places, gaps of removed servers included.
  uint32_t room = 0;  // Places that the slice has.
  bool operator==(const ServiceEntry&) const = default;
};

// The same service with its servers in the first places and room for as many again.
ServiceEntry laid_anew(const ServiceEntry& entry);

// --- what a command changes ---

struct PutService {
  ipvs::ServiceKey key;
  ServiceEntry entry;  // To be laid out anew.
  bool is_new = false;
};
struct DropServices {
  std::vector<ipvs::ServiceKey> keys;
};
enum class Arrival : uint8_t { fresh, from_trash, was_there };
struct PutServer {
  ipvs::ServiceKey service;
  uint32_t place = 0;
  Server server;
  Arrival arrival = Arrival::fresh;
  // With this change in it, when the slice cannot be changed in place.
  std::optional<ServiceEntry> anew = {};
};
struct DropServer {
  ipvs::ServiceKey service;
  uint32_t place = 0;
  uint32_t id = 0;
  std::optional<ServiceEntry> anew = {};
};
struct FreeServers {
  std::vector<uint32_t> ids;  // Out of the trash.
};
using Change = std::variant<PutService, DropServices, PutServer, DropServer, FreeServers>;

struct Trashed {
  ipvs::ServiceKey service;
  ipvs::DestKey key;
  int32_t last_weight = 0;
  TimePoint since;
};

struct Limits {
  uint32_t services = LVS_SERVICES_MAX - 1;
  uint32_t servers = LVS_DESTS_MAX;
};

class Table {
 public:
  explicit Table(Limits limits = {})
      : limits_(limits), service_ids_(limits.services), server_ids_(limits.servers) {}

  Result<Change> prepare(const ipvs::NewService& command) const;
  Result<Change> prepare(const ipvs::SetService& command) const;
  Result<Change> prepare(const ipvs::DelService& command) const;
  Result<Change> prepare(const ipvs::NewDest& command) const;
  Result<Change> prepare(const ipvs::SetDest& command) const;
  Result<Change> prepare(const ipvs::DelDest& command) const;
  Result<Change> prepare(const ipvs::Flush& command) const;
  // What has been in the trash for two minutes and has no connections left.
  FreeServers prepare_collection(TimePoint now, const std::function<bool(uint32_t)>& is_idle) const;

  // Of this table as it stands: nothing else was committed since it was prepared.
  void commit(const Change& change, TimePoint now);

  // What an earlier process left.
  void restore(const ipvs::ServiceKey& key, ServiceEntry entry);
  void restore_trashed(uint32_t id, const Trashed& trashed);

  const std::map<ipvs::ServiceKey, ServiceEntry>& services() const { return services_; }
  const std::map<uint32_t, Trashed>& trash() const { return trash_; }
  // Removed from this service, whether it is there or not.
  const std::map<ipvs::DestKey, uint32_t>& trash_of(const ipvs::ServiceKey& key) const;
  const ServiceEntry* find(const ipvs::ServiceKey& key) const;

 private:
  void make(const PutService& change, TimePoint now);
  void make(const DropServices& change, TimePoint now);
  void make(const PutServer& change, TimePoint now);
  void make(const DropServer& change, TimePoint now);
  void make(const FreeServers& change, TimePoint now);
  void throw_away(uint32_t id, const Trashed& trashed);
  void take_out(uint32_t id);

  Limits limits_;
  std::map<ipvs::ServiceKey, ServiceEntry> services_;
  std::map<uint32_t, Trashed> trash_;
  std::map<ipvs::ServiceKey, std::map<ipvs::DestKey, uint32_t>> trash_of_;
  Ids service_ids_;
  Ids server_ids_;
};

}  // namespace lvs::core
