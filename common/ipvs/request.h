// The language between administrators' programs and a core: one struct a command of the
// generic-netlink family "IPVS", and what each answers. The codec turns these into the kernel's
// messages and back; plan() emits them; the embedded core executes them; the kernel's ip_vs gets
// them through a netlink socket.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "common/ipvs/types.h"
#include "common/prefix.h"

namespace lvs::ipvs {

struct NewService {
  ServiceKey key;
  Service service;
  bool operator==(const NewService&) const = default;
};
// flags_mask: which bits of service.flags count; the others stay (the kernel's merge rule).
struct SetService {
  ServiceKey key;
  Service service;
  uint32_t flags_mask = ~0U;
  bool operator==(const SetService&) const = default;
};
struct DelService {
  ServiceKey key;
  bool operator==(const DelService&) const = default;
};
struct GetService {
  ServiceKey key;
  bool operator==(const GetService&) const = default;
};
struct GetServices {
  bool operator==(const GetServices&) const = default;
};
struct NewDest {
  ServiceKey service;
  DestKey key;
  Dest dest;
  bool operator==(const NewDest&) const = default;
};
struct SetDest {
  ServiceKey service;
  DestKey key;
  Dest dest;
  bool operator==(const SetDest&) const = default;
};
struct DelDest {
  ServiceKey service;
  DestKey key;
  bool operator==(const DelDest&) const = default;
};
struct GetDests {
  ServiceKey service;
  bool operator==(const GetDests&) const = default;
};
struct NewDaemon {
  SyncDaemon daemon;
  bool operator==(const NewDaemon&) const = default;
};
struct DelDaemon {
  DaemonRole role;
  bool operator==(const DelDaemon&) const = default;
};
struct GetDaemons {
  bool operator==(const GetDaemons&) const = default;
};
struct SetConfig {
  Timeouts timeouts;
  bool operator==(const SetConfig&) const = default;
};
struct GetConfig {
  bool operator==(const GetConfig&) const = default;
};
struct GetInfo {
  bool operator==(const GetInfo&) const = default;
};
struct Zero {
  std::optional<ServiceKey> key;
  bool operator==(const Zero&) const = default;
};
struct Flush {
  bool operator==(const Flush&) const = default;
};

// Only the embedded core knows these (command numbers 128 and up); the kernel shows its connections
// in /proc.
struct GetConnections {
  bool operator==(const GetConnections&) const = default;
};
// A table of a million is gone through in parts, each a request: nobody else waits long.
struct KillConnections {
  Address prefix;
  unsigned length = 32;
  uint64_t from = 0;  // 0: from the beginning; else Killed::next of the part before.
  bool operator==(const KillConnections&) const = default;
};
struct GetDrops {
  bool operator==(const GetDrops&) const = default;
};
// Behaviour that can be chosen: the names and values of net.ipv4.vs.*, as far as the core has them.
struct SetSetting {
  std::string name;
  uint32_t value = 0;
  bool operator==(const SetSetting&) const = default;
};
struct GetSettings {
  bool operator==(const GetSettings&) const = default;
};
// The list of denied clients; what stands in it is lvs.cf's to say.
struct GetDenied {
  bool operator==(const GetDenied&) const = default;
};

using Request = std::variant<NewService, SetService, DelService, GetService, GetServices, NewDest,
                             SetDest, DelDest, GetDests, NewDaemon, DelDaemon, GetDaemons,
                             SetConfig, GetConfig, GetInfo, Zero, Flush, GetConnections,
                             KillConnections, GetDrops, SetSetting, GetSettings, GetDenied>;

struct Ack {
  bool operator==(const Ack&) const = default;
};
struct Killed {
  uint32_t connections = 0;
  uint64_t next = 0;  // Where the next part begins. 0: this was the last.
  bool operator==(const Killed&) const = default;
};
struct DropCounter {
  std::string reason;
  uint64_t packets = 0;
  bool operator==(const DropCounter&) const = default;
};

struct SettingStatus {
  std::string name;
  uint32_t value = 0;
  bool operator==(const SettingStatus&) const = default;
};

struct DeniedPrefix {
  Prefix prefix;
  uint64_t packets = 0;  // Dropped for it.
  bool operator==(const DeniedPrefix&) const = default;
};

// What a request answers. GetService answers a list of exactly one.
using Reply =
    std::variant<Ack, std::vector<ServiceStatus>, std::vector<DestStatus>, std::vector<SyncDaemon>,
                 Timeouts, Info, std::vector<Connection>, Killed, std::vector<DropCounter>,
                 std::vector<SettingStatus>, std::vector<DeniedPrefix>>;

// Whether it asks for a change; the others only look.
bool changes_something(const Request& request);

std::string to_string(
    const Request& request);  // "add server 10.0.0.2:80 to TCP 192.0.2.1:80": for logs and plans.

}  // namespace lvs::ipvs
