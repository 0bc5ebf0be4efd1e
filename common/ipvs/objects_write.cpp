#include <arpa/inet.h>
#include <linux/ip_vs.h>

#include <algorithm>
#include <cstring>

#include "common/ipvs/objects.h"
#include "common/ipvs/objects_shared.h"

namespace lvs::ipvs {
namespace {

void put_stats(Message& message, int type32, int type64, const Stats& stats) {
  const auto values = counters(stats);
  {
    const Nest nest(message, type32);
    for (int i = 0; i < static_cast<int>(values.size()); ++i) {
      const int type = IPVS_STATS_ATTR_CONNS + i;
      if (type == IPVS_STATS_ATTR_INBYTES || type == IPVS_STATS_ATTR_OUTBYTES) {
        message.put_u64(type, *values[i]);
      } else {
        message.put_u32(type, static_cast<uint32_t>(*values[i]));  // Wraps, as the kernel's do.
      }
    }
  }
  const Nest nest(message, type64);
  for (int i = 0; i < static_cast<int>(values.size()); ++i) {
    message.put_u64(IPVS_STATS_ATTR_CONNS + i, *values[i]);
  }
}

void put_address(Message& message, int type, const Address& address) {
  uint8_t whole[kUnionBytes] = {};
  std::memcpy(whole, address.bytes(), address.size());
  message.put_bytes(type, whole, sizeof whole);
}

uint16_t af_of(Family family) {
  return family == Family::v4 ? AF_INET : AF_INET6;
}

void put_endpoint(Message& message, int type, const Endpoint& endpoint) {
  const Nest nest(message, type);
  message.put_bytes(kEndpointAddress, endpoint.address.bytes(), endpoint.address.size());
  message.put_be16(kEndpointPort, endpoint.port);
}

}  // namespace

int nest_type(int type, Side side) {
  return side == Side::request ? type | NLA_F_NESTED : type;
}

void put_service_key(Message& message, const ServiceKey& key) {
  message.put_u16(IPVS_SVC_ATTR_AF, af_of(family_of(key)));
  if (const auto* mark = std::get_if<MarkKey>(&key)) {
    message.put_u32(IPVS_SVC_ATTR_FWMARK, mark->mark);
    return;
  }
  const auto& service = std::get<AddressKey>(key);
  message.put_u16(IPVS_SVC_ATTR_PROTOCOL, static_cast<uint16_t>(service.protocol));
  put_address(message, IPVS_SVC_ATTR_ADDR, service.address);
  message.put_be16(IPVS_SVC_ATTR_PORT, service.port);
}

void put_service(Message& message, const Service& service, uint32_t flags, uint32_t flags_mask,
                 Family family) {
  message.put_string(IPVS_SVC_ATTR_SCHED_NAME, service.scheduler);
  if (!service.persistence_engine.empty()) {
    message.put_string(IPVS_SVC_ATTR_PE_NAME, service.persistence_engine);
  }
  const ip_vs_flags both{.flags = flags, .mask = flags_mask};
  message.put_bytes(IPVS_SVC_ATTR_FLAGS, &both, sizeof both);
  message.put_u32(IPVS_SVC_ATTR_TIMEOUT, service.timeout);
  message.put_u32(IPVS_SVC_ATTR_NETMASK, netmask_of(service.prefix, family));
}

void put_service_status(Message& message, const ServiceStatus& status) {
  const Nest nest(message, IPVS_CMD_ATTR_SERVICE);
  put_service_key(message, status.key);
  put_service(message, status.service, status.service.flags | kHashed, ~0U, family_of(status.key));
  put_stats(message, IPVS_SVC_ATTR_STATS, IPVS_SVC_ATTR_STATS64, status.stats);
}

void put_dest_key(Message& message, const DestKey& key, Side side) {
  if (side == Side::request) {
    message.put_u16(IPVS_DEST_ATTR_ADDR_FAMILY, af_of(key.address.family()));
  }
  put_address(message, IPVS_DEST_ATTR_ADDR, key.address);
  message.put_be16(IPVS_DEST_ATTR_PORT, key.port);
}

void put_dest(Message& message, const Dest& dest) {
  message.put_u32(IPVS_DEST_ATTR_FWD_METHOD, static_cast<uint32_t>(dest.forward));
  message.put_u32(IPVS_DEST_ATTR_WEIGHT, static_cast<uint32_t>(dest.weight));
  message.put_u8(IPVS_DEST_ATTR_TUN_TYPE, static_cast<uint8_t>(dest.tunnel_type));
  message.put_be16(IPVS_DEST_ATTR_TUN_PORT, dest.tunnel_port);
  message.put_u16(IPVS_DEST_ATTR_TUN_FLAGS, dest.tunnel_flags);
  message.put_u32(IPVS_DEST_ATTR_U_THRESH, dest.upper_threshold);
  message.put_u32(IPVS_DEST_ATTR_L_THRESH, dest.lower_threshold);
}

void put_dest_status(Message& message, const DestStatus& status) {
  const Nest nest(message, IPVS_CMD_ATTR_DEST);
  put_dest_key(message, status.key, Side::reply);
  put_dest(message, status.dest);
  message.put_u32(IPVS_DEST_ATTR_ACTIVE_CONNS, status.active);
  message.put_u32(IPVS_DEST_ATTR_INACT_CONNS, status.inactive);
  message.put_u32(IPVS_DEST_ATTR_PERSIST_CONNS, status.persistent);
  message.put_u16(IPVS_DEST_ATTR_ADDR_FAMILY, af_of(status.key.address.family()));
  put_stats(message, IPVS_DEST_ATTR_STATS, IPVS_DEST_ATTR_STATS64, status.stats);
}

void put_daemon(Message& message, const SyncDaemon& daemon, Side side) {
  const Nest nest(message, nest_type(IPVS_CMD_ATTR_DAEMON, side));
  message.put_u32(IPVS_DAEMON_ATTR_STATE, static_cast<uint32_t>(daemon.role));
  message.put_string(IPVS_DAEMON_ATTR_MCAST_IFN, daemon.interface);
  message.put_u32(IPVS_DAEMON_ATTR_SYNC_ID, daemon.sync_id);
  message.put_u16(IPVS_DAEMON_ATTR_SYNC_MAXLEN, daemon.max_length);
  message.put_u16(IPVS_DAEMON_ATTR_MCAST_PORT, daemon.port);
  message.put_u8(IPVS_DAEMON_ATTR_MCAST_TTL, daemon.ttl);
  if (daemon.group) {
    const int type =
        daemon.group->is_v4() ? IPVS_DAEMON_ATTR_MCAST_GROUP : IPVS_DAEMON_ATTR_MCAST_GROUP6;
    message.put_bytes(type, daemon.group->bytes(), daemon.group->size());
  }
}

void put_connection(Message& message, const Connection& connection) {
  const Nest nest(message, kAttrConnection);
  message.put_u8(kConnProtocol, connection.protocol);
  put_endpoint(message, kConnClient, connection.client);
  put_endpoint(message, kConnVirtual, connection.virtual_service);
  put_endpoint(message, kConnDest, connection.destination);
  message.put_string(kConnState, connection.state);
  message.put_u32(kConnExpires, connection.expires_s);
  message.put_u8(kConnTemplate, connection.is_template ? 1 : 0);
  if (!connection.persistence_engine.empty()) {
    message.put_string(kConnEngine, connection.persistence_engine);
    message.put_string(kConnEngineData, connection.persistence_data);
  }
}

void put_prefix(Message& message, const Prefix& prefix) {
  message.put_bytes(kAttrPrefix, prefix.address.bytes(), prefix.address.size());
  message.put_u32(kAttrPrefixLength, prefix.length);
}

}  // namespace lvs::ipvs
