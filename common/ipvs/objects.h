// What travels inside IPVS messages: services, servers, counters, sync daemons and, for the
// embedded core alone, connections. One pair of functions an object; the numbers are those of
// linux/ip_vs.h.
#pragma once

#include "common/ipvs/message.h"
#include "common/ipvs/request.h"
#include "common/result.h"

namespace lvs::ipvs {

// Commands that only the embedded core knows, far from the kernel's.
enum OwnCommand : uint8_t {
  kCmdNewConnection = 128,  // As in the kernel, what is got is answered as "new".
  kCmdGetConnection = 129,
  kCmdKillConnections = 130,
  kCmdSetKilled = 131,
  kCmdNewDrop = 132,
  kCmdGetDrop = 133,
  kCmdSetSetting = 134,
  kCmdNewSetting = 135,
  kCmdGetSetting = 136,
  kCmdNewDenied = 137,
  kCmdGetDenied = 138,
};

// Top-level attributes of those commands; each message carries one kind of object.
enum OwnAttribute : int {
  kAttrConnection = 16,
  kAttrPrefix = 17,         // 4 or 16 bytes
  kAttrPrefixLength = 18,   // u32
  kAttrKilled = 19,         // u32
  kAttrDropReason = 20,     // string
  kAttrDropPackets = 21,    // u64
  kAttrSettingName = 22,    // string
  kAttrSettingValue = 23,   // u32
  kAttrKillFrom = 24,       // u64, not there: from the beginning, or the end
  kAttrDeniedPackets = 25,  // u64; the prefix as of a kill
};

extern const Attributes::Policy kCommandPolicy;

struct ServiceUpdate {
  Service service;
  uint32_t flags_mask = 0;
};

// NLA_F_NESTED in requests, as recent clients do; nothing in replies, as the kernel does.
enum class Side : uint8_t { request, reply };

void put_service_key(Message& message, const ServiceKey& key);
void put_service(Message& message, const Service& service, uint32_t flags, uint32_t flags_mask,
                 Family family);
void put_dest_key(Message& message, const DestKey& key, Side side);
void put_dest(Message& message, const Dest& dest);
void put_service_status(Message& message, const ServiceStatus& status);
void put_dest_status(Message& message, const DestStatus& status);
void put_daemon(Message& message, const SyncDaemon& daemon, Side side);
void put_connection(Message& message, const Connection& connection);
void put_prefix(Message& message, const Prefix& prefix);
int nest_type(int type, Side side);

std::optional<Prefix> prefix(const Attributes& top);  // Nothing: missing or malformed.

// Each reads the attribute of its type from the top level of a message.
Result<ServiceKey> service_key(const Attributes& top);
Result<ServiceUpdate> service_update(const Attributes& top, Family family);
Result<DestKey> dest_key(const Attributes& top, Family service_family);
Result<Dest> dest(const Attributes& top);
Result<SyncDaemon> daemon(const Attributes& top);
Result<DaemonRole> daemon_role(const Attributes& top);

Result<ServiceStatus> service_status(const Attributes& top);
Result<DestStatus> dest_status(const Attributes& top, Family service_family);
Result<Connection> connection(const Attributes& top);

std::optional<Address> address_of(std::span<const uint8_t> bytes, Family family);

}  // namespace lvs::ipvs
