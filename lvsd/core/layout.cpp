#include "lvsd/core/layout.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "lvsd/bpf/sctp_states.h"
#include "lvsd/core/cursor.h"
#include "lvsd/core/schedulers.h"

namespace lvs::core {

namespace {

constexpr std::array<const char*, 11> kTcpStates = {
    "NONE",  "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT", "TIME_WAIT",
    "CLOSE", "CLOSE_WAIT",  "LAST_ACK", "LISTEN",   "SYNACK"};

constexpr std::array<const char*, LVS_SCTP_STATES> kSctpStates = {
    "NONE",     "INIT1",       "INIT",   "C-SENT",     "C-REPLIED",  "C-WAIT",   "COOKIE",
    "C-ECHOED", "ESTABLISHED", "S-SENT", "S-RECEIVED", "S-ACK-SENT", "REJECTED", "CLOSED"};

template <typename Names>
std::string name_in(const Names& names, uint8_t state) {
  return state < names.size() ? names[state] : "ERR!";
}

}  // namespace

void put_address(uint32_t (&to)[4], const Address& address) {
  std::memset(to, 0, sizeof(to));
  std::memcpy(to, address.bytes(), address.size());
}

Address address_in(const uint32_t (&from)[4], uint8_t family) {
  return family == AF_INET6 ? Address::v6_bytes(from) : Address::v4_bytes(from);
}

lvs_deny_key deny_key4(const Prefix& prefix) {
  return {prefix.length, prefix.address.v4_network()};
}
lvs_deny_key6 deny_key6(const Prefix& prefix) {
  lvs_deny_key6 key{};
  key.length = prefix.length;
  put_address(key.address, prefix.address);
  return key;
}
Prefix prefix_of(const lvs_deny_key& key) {
  return {Address::v4_bytes(&key.address), key.length};
}
Prefix prefix_of(const lvs_deny_key6& key) {
  return {Address::v6_bytes(key.address), key.length};
}

lvs_service_key to_map(const ipvs::ServiceKey& key) {
  lvs_service_key to{};
  if (const auto* mark = std::get_if<ipvs::MarkKey>(&key)) {
    to.address[0] = mark->mark;
    to.kind = LVS_BY_MARK;
    to.family = mark->family == Family::v6 ? AF_INET6 : AF_INET;
    return to;
  }
  const auto& by_address = std::get<ipvs::AddressKey>(key);
  put_address(to.address, by_address.address);
  to.family = static_cast<uint8_t>(by_address.address.af());
  to.port = htons(by_address.port);
  to.protocol = static_cast<uint8_t>(by_address.protocol);
  return to;
}

ipvs::ServiceKey from_map(const lvs_service_key& key) {
  if (key.kind == LVS_BY_MARK) {
    return ipvs::MarkKey{key.address[0], key.family == AF_INET6 ? Family::v6 : Family::v4};
  }
  return ipvs::AddressKey{static_cast<ipvs::Protocol>(key.protocol),
                          address_in(key.address, key.family), ntohs(key.port)};
}

std::vector<lvs_slot> make_slice(const ServiceEntry& entry) {
  const auto* scheduler = find_scheduler(entry.service.scheduler);
  const HashTable table =
      scheduler->table != nullptr ? scheduler->table(entry.servers) : HashTable{};
  lvs_slice header{};
  header.scheduler = scheduler->number;
  header.flags = (entry.service.flags & ~LVS_SERVICE_BY_CALL) |
                 (entry.service.persistence_engine == kSip ? LVS_SERVICE_BY_CALL : 0);
  header.timeout = entry.service.timeout;
  header.prefix = entry.service.prefix;
  header.dests = entry.used;
  header.sequence = static_cast<uint32_t>(table.size());
  header.slots = LVS_SLICE_SLOTS + entry.room + header.sequence;
  header.room = entry.room;
  std::vector<lvs_slot> slots(header.slots, kGap);
  for (const auto& [place, server] : entry.servers) {
    slots[LVS_SLICE_SLOTS + place] = slot_of(server);
  }
  std::transform(table.begin(), table.end(), slots.begin() + LVS_SLICE_SLOTS + entry.room,
                 [](uint32_t id) {
                   return lvs_slot{id, 0};
                 });
  const auto steps = steps_of(header.scheduler, list_of(slots.data(), header));
  header.top = steps.top;
  header.step = steps.step;
  std::memcpy(slots.data(), &header, sizeof(header));
  return slots;
}

lvs_slot slot_of(const Server& server) {
  return {server.id, server.dest.weight};
}

List list_of(const lvs_slot* slice, const lvs_slice& header) {
  return {slice + LVS_SLICE_SLOTS, header.dests};
}

bool is_whole(const lvs_slice& header) {
  return find_scheduler(header.scheduler) != nullptr && header.dests <= header.room &&
         header.room < LVS_PLACE_HEAD &&
         uint64_t{LVS_SLICE_SLOTS} + header.room + header.sequence == header.slots;
}

ipvs::Service service_of(const lvs_slice& header) {
  ipvs::Service service;
  const auto* scheduler = find_scheduler(header.scheduler);
  service.scheduler = scheduler == nullptr ? "" : scheduler->name;
  service.flags = header.flags & ~LVS_SERVICE_BY_CALL;
  service.persistence_engine = header.flags & LVS_SERVICE_BY_CALL ? kSip : "";
  service.timeout = header.timeout;
  service.prefix = header.prefix;
  return service;
}

void write_server(lvs_dest& to, const ipvs::ServiceKey& service, uint32_t service_id,
                  const Server& server) {
  put_address(to.address, server.key.address);
  to.family = static_cast<uint8_t>(server.key.address.af());
  to.port = htons(server.key.port);
  to.forward = static_cast<uint8_t>(server.dest.forward);
  to.weight = server.dest.weight;
  to.last_weight = server.last_weight;
  to.upper_threshold = server.dest.upper_threshold;
  to.lower_threshold = server.dest.lower_threshold;
  to.tunnel_type = static_cast<uint8_t>(server.dest.tunnel_type);
  to.tunnel_port = htons(server.dest.tunnel_port);
  to.tunnel_flags = server.dest.tunnel_flags;
  to.service = service_id;
  to.service_key = to_map(service);
}

Server server_of(const lvs_dest& from, uint32_t id) {
  Server server;
  server.id = id;
  server.key = {address_in(from.address, from.family), ntohs(from.port)};
  server.dest.forward = static_cast<ipvs::Forward>(from.forward);
  server.dest.weight = from.weight;
  server.dest.upper_threshold = from.upper_threshold;
  server.dest.lower_threshold = from.lower_threshold;
  server.dest.tunnel_type = static_cast<ipvs::TunnelType>(from.tunnel_type);
  server.dest.tunnel_port = ntohs(from.tunnel_port);
  server.dest.tunnel_flags = from.tunnel_flags;
  server.last_weight = from.last_weight;
  return server;
}

std::string state_name(uint8_t protocol, uint8_t state) {
  if (protocol == IPPROTO_UDP) {
    return "UDP";
  }
  return protocol == IPPROTO_SCTP ? name_in(kSctpStates, state) : name_in(kTcpStates, state);
}

}  // namespace lvs::core
