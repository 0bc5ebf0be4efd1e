#include <arpa/inet.h>
#include <linux/ip_vs.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "common/ipvs/objects.h"
#include "common/ipvs/objects_shared.h"

namespace lvs::ipvs {
namespace {

using Policy = Attributes::Policy;

constexpr uint16_t kAddressBytes = kUnionBytes;
constexpr uint16_t kNameBytes = 16;  // With the NUL, as the kernel's policies say
constexpr uint16_t kEngineNameBytes = 17;
constexpr uint16_t kEngineDataBytes = 256;
constexpr uint16_t kOwnNameBytes = kNameBytesMax + 1;
constexpr uint16_t kFlagsBytes = sizeof(ip_vs_flags);
constexpr nla_policy kU8{NLA_U8, 0, 0};
constexpr nla_policy kU16{NLA_U16, 0, 0};
constexpr nla_policy kU32{NLA_U32, 0, 0};
constexpr nla_policy kU64{NLA_U64, 0, 0};
constexpr nla_policy kAddress{NLA_UNSPEC, 0, kAddressBytes};
constexpr nla_policy kName{NLA_STRING, 1, kNameBytes};
constexpr nla_policy kEngineName{NLA_STRING, 1, kEngineNameBytes};
constexpr nla_policy kEngineData{NLA_STRING, 1, kEngineDataBytes};
constexpr nla_policy kOwnName{NLA_STRING, 1, kOwnNameBytes};
constexpr nla_policy kNested{NLA_NESTED, 0, 0};

Policy service_policy() {
  Policy p{};
  p[IPVS_SVC_ATTR_AF] = p[IPVS_SVC_ATTR_PROTOCOL] = p[IPVS_SVC_ATTR_PORT] = kU16;
  p[IPVS_SVC_ATTR_ADDR] = kAddress;
  p[IPVS_SVC_ATTR_FWMARK] = p[IPVS_SVC_ATTR_TIMEOUT] = p[IPVS_SVC_ATTR_NETMASK] = kU32;
  p[IPVS_SVC_ATTR_SCHED_NAME] = kName;
  p[IPVS_SVC_ATTR_PE_NAME] = kEngineName;
  p[IPVS_SVC_ATTR_FLAGS] = {NLA_UNSPEC, 0, kFlagsBytes};
  p[IPVS_SVC_ATTR_STATS] = p[IPVS_SVC_ATTR_STATS64] = kNested;
  return p;
}

Policy dest_policy() {
  Policy p{};
  p[IPVS_DEST_ATTR_ADDR] = kAddress;
  p[IPVS_DEST_ATTR_PORT] = p[IPVS_DEST_ATTR_ADDR_FAMILY] = kU16;
  p[IPVS_DEST_ATTR_FWD_METHOD] = p[IPVS_DEST_ATTR_WEIGHT] = kU32;
  p[IPVS_DEST_ATTR_U_THRESH] = p[IPVS_DEST_ATTR_L_THRESH] = kU32;
  p[IPVS_DEST_ATTR_ACTIVE_CONNS] = p[IPVS_DEST_ATTR_INACT_CONNS] = kU32;
  p[IPVS_DEST_ATTR_PERSIST_CONNS] = kU32;
  p[IPVS_DEST_ATTR_STATS] = p[IPVS_DEST_ATTR_STATS64] = kNested;
  p[IPVS_DEST_ATTR_TUN_TYPE] = kU8;
  p[IPVS_DEST_ATTR_TUN_PORT] = p[IPVS_DEST_ATTR_TUN_FLAGS] = kU16;
  return p;
}

Policy daemon_policy() {
  Policy p{};
  p[IPVS_DAEMON_ATTR_STATE] = p[IPVS_DAEMON_ATTR_SYNC_ID] = kU32;
  p[IPVS_DAEMON_ATTR_MCAST_IFN] = kName;
  p[IPVS_DAEMON_ATTR_SYNC_MAXLEN] = p[IPVS_DAEMON_ATTR_MCAST_PORT] = kU16;
  p[IPVS_DAEMON_ATTR_MCAST_GROUP] = kU32;
  p[IPVS_DAEMON_ATTR_MCAST_GROUP6] = {NLA_UNSPEC, kAddressBytes, kAddressBytes};
  p[IPVS_DAEMON_ATTR_MCAST_TTL] = kU8;
  return p;
}

Policy stats_policy(const nla_policy& counter) {
  Policy p{};
  for (int type = IPVS_STATS_ATTR_CONNS; type <= IPVS_STATS_ATTR_OUTBPS; ++type) {
    p[type] = counter;
  }
  p[IPVS_STATS_ATTR_INBYTES] = p[IPVS_STATS_ATTR_OUTBYTES] = kU64;
  return p;
}

Policy connection_policy() {
  Policy p{};
  p[kConnProtocol] = p[kConnTemplate] = kU8;
  p[kConnClient] = p[kConnVirtual] = p[kConnDest] = kNested;
  p[kConnState] = kOwnName;
  p[kConnEngine] = kEngineName;
  p[kConnEngineData] = kEngineData;
  p[kConnExpires] = kU32;
  return p;
}

Policy endpoint_policy() {
  Policy p{};
  p[kEndpointAddress] = kAddress;
  p[kEndpointPort] = kU16;
  return p;
}

Policy command_policy() {
  Policy p{};
  p[IPVS_CMD_ATTR_SERVICE] = p[IPVS_CMD_ATTR_DEST] = p[IPVS_CMD_ATTR_DAEMON] = kNested;
  p[IPVS_CMD_ATTR_TIMEOUT_TCP] = p[IPVS_CMD_ATTR_TIMEOUT_TCP_FIN] = kU32;
  p[IPVS_CMD_ATTR_TIMEOUT_UDP] = kU32;
  p[kAttrConnection] = kNested;
  p[kAttrPrefix] = kAddress;
  p[kAttrPrefixLength] = p[kAttrKilled] = kU32;
  p[kAttrDropReason] = kOwnName;
  p[kAttrDropPackets] = p[kAttrKillFrom] = p[kAttrDeniedPackets] = kU64;
  p[kAttrSettingName] = kOwnName;
  p[kAttrSettingValue] = kU32;
  return p;
}

const Policy kServicePolicy = service_policy();
const Policy kDestPolicy = dest_policy();
const Policy kDaemonPolicy = daemon_policy();
const Policy kStatsPolicy = stats_policy(kU32);
const Policy kStats64Policy = stats_policy(kU64);
const Policy kConnectionPolicy = connection_policy();
const Policy kEndpointPolicy = endpoint_policy();

Error invalid(const std::string& what) {
  return {EINVAL, what};
}

// STATS64 where there is one (kernels since 4.1), else STATS.
Result<Stats> stats_of(const Attributes& object, int type32, int type64) {
  const bool wide = object.has(type64);
  const auto nested = object.nested(wide ? type64 : type32, wide ? kStats64Policy : kStatsPolicy);
  if (!nested) {
    return invalid("malformed counters");
  }
  Stats stats;
  const auto values = counters(stats);
  for (int i = 0; i < static_cast<int>(values.size()); ++i) {
    const int type = IPVS_STATS_ATTR_CONNS + i;
    const bool is_u64 = nested->bytes(type).size() >= sizeof(uint64_t);
    *values[i] = is_u64 ? nested->u64(type) : nested->u32(type);
  }
  return stats;
}

Result<Family> family_from(uint16_t af) {
  if (af != AF_INET && af != AF_INET6) {
    return Error{EAFNOSUPPORT, "address family " + std::to_string(af)};
  }
  return af == AF_INET ? Family::v4 : Family::v6;
}

std::optional<Endpoint> endpoint_of(const Attributes& object, int type) {
  const auto nested = object.nested(type, kEndpointPolicy);
  if (!nested) {
    return std::nullopt;
  }
  const auto raw = nested->bytes(kEndpointAddress);
  const auto address = address_of(raw, raw.size() == kAddressBytes ? Family::v6 : Family::v4);
  if (!address) {
    return std::nullopt;
  }
  return Endpoint{*address, nested->be16(kEndpointPort)};
}

Result<Attributes> service_attributes(const Attributes& top) {
  auto service = top.nested(IPVS_CMD_ATTR_SERVICE, kServicePolicy);
  if (!top.has(IPVS_CMD_ATTR_SERVICE) || !service) {
    return invalid("SERVICE missing or malformed");
  }
  return std::move(service).value();
}

Result<Attributes> dest_attributes(const Attributes& top) {
  auto dest = top.nested(IPVS_CMD_ATTR_DEST, kDestPolicy);
  if (!top.has(IPVS_CMD_ATTR_DEST) || !dest) {
    return invalid("DEST missing or malformed");
  }
  return std::move(dest).value();
}

Result<Attributes> daemon_attributes(const Attributes& top) {
  auto daemon = top.nested(IPVS_CMD_ATTR_DAEMON, kDaemonPolicy);
  if (!top.has(IPVS_CMD_ATTR_DAEMON) || !daemon) {
    return invalid("DAEMON missing or malformed");
  }
  return std::move(daemon).value();
}

// A short attribute leaves the rest 0, as in the kernel.
ip_vs_flags flags_of(const Attributes& service) {
  ip_vs_flags flags{};
  const auto raw = service.bytes(IPVS_SVC_ATTR_FLAGS);
  std::copy(raw.begin(), raw.end(), reinterpret_cast<uint8_t*>(&flags));
  return flags;
}

Result<Service> service_of(const Attributes& service, Family family, Side side) {
  Service s;
  s.scheduler = service.string(IPVS_SVC_ATTR_SCHED_NAME);
  s.persistence_engine = service.string(IPVS_SVC_ATTR_PE_NAME);
  s.timeout = service.u32(IPVS_SVC_ATTR_TIMEOUT);
  const uint32_t netmask = service.u32(IPVS_SVC_ATTR_NETMASK);
  s.prefix = family == Family::v6 ? netmask : std::countl_one(ntohl(netmask));
  if (side == Side::reply) {
    return s;
  }
  if (family == Family::v6 && (s.prefix < 1 || s.prefix > 128)) {
    return invalid("NETMASK of an IPv6 service is a prefix length, 1 to 128");
  }
  if (family == Family::v4 && netmask_of(s.prefix, family) != netmask) {
    return invalid("NETMASK has holes");
  }
  return s;
}

}  // namespace

const Attributes::Policy kCommandPolicy = command_policy();

std::optional<Address> address_of(std::span<const uint8_t> bytes, Family family) {
  if (family == Family::v6) {
    return bytes.size() == 16 ? std::optional(Address::v6_bytes(bytes.data())) : std::nullopt;
  }
  const bool fits = bytes.size() == 4 || bytes.size() == kAddressBytes;
  return fits ? std::optional(Address::v4_bytes(bytes.data())) : std::nullopt;
}

std::optional<Prefix> prefix(const Attributes& top) {
  const auto raw = top.bytes(kAttrPrefix);
  const auto address = address_of(raw, raw.size() == 16 ? Family::v6 : Family::v4);
  const uint32_t length = top.u32(kAttrPrefixLength);
  const bool is_whole = address && top.has(kAttrPrefixLength) && length <= address->size() * 8;
  return is_whole ? std::optional(Prefix{*address, length}) : std::nullopt;
}

Result<ServiceKey> service_key(const Attributes& top) {
  const auto service = service_attributes(top);
  if (!service) {
    return service.error();
  }
  const bool has_address = service->has(IPVS_SVC_ATTR_PORT) &&
                           service->has(IPVS_SVC_ATTR_PROTOCOL) && service->has(IPVS_SVC_ATTR_ADDR);
  if (!service->has(IPVS_SVC_ATTR_AF) || !(service->has(IPVS_SVC_ATTR_FWMARK) || has_address)) {
    return invalid("SERVICE without AF, or with neither FWMARK nor PROTOCOL, ADDR and PORT");
  }
  const auto family = family_from(service->u16(IPVS_SVC_ATTR_AF));
  if (!family) {
    return family.error();
  }
  if (service->has(IPVS_SVC_ATTR_FWMARK)) {
    const uint32_t mark = service->u32(IPVS_SVC_ATTR_FWMARK);
    return mark == 0 ? Result<ServiceKey>(invalid("FWMARK 0")) : ServiceKey{MarkKey{mark, *family}};
  }
  const uint16_t protocol = service->u16(IPVS_SVC_ATTR_PROTOCOL);
  if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP && protocol != IPPROTO_SCTP) {
    return invalid("PROTOCOL " + std::to_string(protocol));
  }
  const auto address = address_of(service->bytes(IPVS_SVC_ATTR_ADDR), *family);
  if (!address) {
    return invalid("SERVICE: ADDR of a wrong size");
  }
  return ServiceKey{
      AddressKey{static_cast<Protocol>(protocol), *address, service->be16(IPVS_SVC_ATTR_PORT)}};
}

Result<ServiceUpdate> service_update(const Attributes& top, Family family) {
  const auto service = service_attributes(top);
  if (!service) {
    return service.error();
  }
  for (const int type : {IPVS_SVC_ATTR_SCHED_NAME, IPVS_SVC_ATTR_FLAGS, IPVS_SVC_ATTR_TIMEOUT,
                         IPVS_SVC_ATTR_NETMASK}) {
    if (!service->has(type)) {
      return invalid("SERVICE without attribute " + std::to_string(type));
    }
  }
  auto given = service_of(*service, family, Side::request);
  if (!given) {
    return given.error();
  }
  const ip_vs_flags flags = flags_of(*service);
  given->flags = flags.flags & ~kHashed;
  return ServiceUpdate{std::move(given).value(), flags.mask};
}

Result<ServiceStatus> service_status(const Attributes& top) {
  const auto key = service_key(top);
  if (!key) {
    return key.error();
  }
  const auto service = service_attributes(top);
  auto given = service_of(*service, family_of(*key), Side::reply);
  given->flags = flags_of(*service).flags & ~kHashed;
  auto stats = stats_of(*service, IPVS_SVC_ATTR_STATS, IPVS_SVC_ATTR_STATS64);
  if (!stats) {
    return stats.error();
  }
  return ServiceStatus{*key, std::move(given).value(), *stats};
}

Result<DestKey> dest_key(const Attributes& top, Family service_family) {
  const auto dest = dest_attributes(top);
  if (!dest) {
    return dest.error();
  }
  if (!dest->has(IPVS_DEST_ATTR_ADDR) || !dest->has(IPVS_DEST_ATTR_PORT)) {
    return invalid("DEST without ADDR or PORT");
  }
  // Kernels and clients before 3.18 do not give the family: it is the service's.
  const uint16_t af = dest->u16(IPVS_DEST_ATTR_ADDR_FAMILY);
  const auto family = af == 0 ? service_family : family_from(af);
  if (!family) {
    return family.error();
  }
  const auto address = address_of(dest->bytes(IPVS_DEST_ATTR_ADDR), *family);
  if (!address) {
    return invalid("DEST: ADDR of a wrong size");
  }
  return DestKey{*address, dest->be16(IPVS_DEST_ATTR_PORT)};
}

Result<Dest> dest(const Attributes& top) {
  const auto given = dest_attributes(top);
  if (!given) {
    return given.error();
  }
  for (const int type : {IPVS_DEST_ATTR_FWD_METHOD, IPVS_DEST_ATTR_WEIGHT, IPVS_DEST_ATTR_U_THRESH,
                         IPVS_DEST_ATTR_L_THRESH}) {
    if (!given->has(type)) {
      return invalid("DEST without attribute " + std::to_string(type));
    }
  }
  const uint32_t forward = given->u32(IPVS_DEST_ATTR_FWD_METHOD) & IP_VS_CONN_F_FWD_MASK;
  const uint8_t tunnel_type = given->u8(IPVS_DEST_ATTR_TUN_TYPE);
  if (forward > IP_VS_CONN_F_BYPASS) {
    return invalid("FWD_METHOD " + std::to_string(forward));
  }
  if (tunnel_type >= IP_VS_CONN_F_TUNNEL_TYPE_MAX) {
    return invalid("TUN_TYPE " + std::to_string(tunnel_type));
  }
  return Dest{.forward = static_cast<Forward>(forward),
              .weight = static_cast<int32_t>(given->u32(IPVS_DEST_ATTR_WEIGHT)),
              .upper_threshold = given->u32(IPVS_DEST_ATTR_U_THRESH),
              .lower_threshold = given->u32(IPVS_DEST_ATTR_L_THRESH),
              .tunnel_type = static_cast<TunnelType>(tunnel_type),
              .tunnel_port = given->be16(IPVS_DEST_ATTR_TUN_PORT),
              .tunnel_flags = given->u16(IPVS_DEST_ATTR_TUN_FLAGS)};
}

Result<DestStatus> dest_status(const Attributes& top, Family service_family) {
  const auto attributes = dest_attributes(top);
  if (!attributes) {
    return attributes.error();
  }
  const auto key = dest_key(top, service_family);
  if (!key) {
    return key.error();
  }
  auto given = dest(top);
  if (!given) {
    return given.error();
  }
  auto stats = stats_of(*attributes, IPVS_DEST_ATTR_STATS, IPVS_DEST_ATTR_STATS64);
  if (!stats) {
    return stats.error();
  }
  return DestStatus{*key,
                    *given,
                    attributes->u32(IPVS_DEST_ATTR_ACTIVE_CONNS),
                    attributes->u32(IPVS_DEST_ATTR_INACT_CONNS),
                    attributes->u32(IPVS_DEST_ATTR_PERSIST_CONNS),
                    *stats};
}

Result<DaemonRole> daemon_role(const Attributes& top) {
  const auto attributes = daemon_attributes(top);
  if (!attributes) {
    return attributes.error();
  }
  const uint32_t state = attributes->u32(IPVS_DAEMON_ATTR_STATE);
  if (state != IP_VS_STATE_MASTER && state != IP_VS_STATE_BACKUP) {
    return invalid("DAEMON: STATE missing or neither master nor backup");
  }
  return static_cast<DaemonRole>(state);
}

Result<SyncDaemon> daemon(const Attributes& top) {
  const auto role = daemon_role(top);
  if (!role) {
    return role.error();
  }
  const auto given = daemon_attributes(top);
  if (!given->has(IPVS_DAEMON_ATTR_MCAST_IFN) || !given->has(IPVS_DAEMON_ATTR_SYNC_ID)) {
    return invalid("DAEMON without MCAST_IFN or SYNC_ID");
  }
  SyncDaemon d{.role = *role,
               .interface = given->string(IPVS_DAEMON_ATTR_MCAST_IFN),
               .sync_id = given->u32(IPVS_DAEMON_ATTR_SYNC_ID),
               .max_length = given->u16(IPVS_DAEMON_ATTR_SYNC_MAXLEN),
               .group = std::nullopt,
               .port = given->u16(IPVS_DAEMON_ATTR_MCAST_PORT),
               .ttl = given->u8(IPVS_DAEMON_ATTR_MCAST_TTL)};
  if (given->has(IPVS_DAEMON_ATTR_MCAST_GROUP)) {
    d.group = address_of(given->bytes(IPVS_DAEMON_ATTR_MCAST_GROUP).first(4), Family::v4);
  } else if (given->has(IPVS_DAEMON_ATTR_MCAST_GROUP6)) {
    d.group = address_of(given->bytes(IPVS_DAEMON_ATTR_MCAST_GROUP6), Family::v6);
  }
  const bool is_multicast = !d.group || (d.group->is_v4() ? d.group->bytes()[0] >> 4 == 0xe
                                                          : d.group->bytes()[0] == 0xff);
  if (!is_multicast) {
    return invalid("MCAST_GROUP " + to_string(*d.group) + " is not multicast");
  }
  return d;
}

Result<Connection> connection(const Attributes& top) {
  const auto given = top.nested(kAttrConnection, kConnectionPolicy);
  if (!given || !top.has(kAttrConnection)) {
    return invalid("CONNECTION missing or malformed");
  }
  const auto client = endpoint_of(*given, kConnClient);
  const auto virtual_service = endpoint_of(*given, kConnVirtual);
  const auto destination = endpoint_of(*given, kConnDest);
  if (!client || !virtual_service || !destination) {
    return invalid("CONNECTION without its three ends");
  }
  return Connection{.protocol = given->u8(kConnProtocol),
                    .client = *client,
                    .virtual_service = *virtual_service,
                    .destination = *destination,
                    .state = given->string(kConnState),
                    .expires_s = given->u32(kConnExpires),
                    .is_template = given->u8(kConnTemplate) != 0,
                    .persistence_engine = given->string(kConnEngine),
                    .persistence_data = given->string(kConnEngineData)};
}

}  // namespace lvs::ipvs
