#include "lvsd/core/layout.h"

#include <arpa/inet.h>

#include <array>
#include <cstring>

namespace lvs::core {

namespace {

struct Named {
  uint32_t number;
  const char* name;
};
constexpr std::array<Named, 8> kSchedulers = {{{LVS_RR, "rr"},
                                               {LVS_WRR, "wrr"},
                                               {LVS_LC, "lc"},
                                               {LVS_WLC, "wlc"},
                                               {LVS_SED, "sed"},
                                               {LVS_NQ, "nq"},
                                               {LVS_FO, "fo"},
                                               {LVS_OVF, "ovf"}}};

constexpr std::array<const char*, 11> kTcpStates = {
    "NONE",  "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT", "TIME_WAIT",
    "CLOSE", "CLOSE_WAIT",  "LAST_ACK", "LISTEN",   "SYNACK"};

Cycle cycle_of(const ServiceEntry& entry) {
  const auto servers = weighted(entry);
  const auto scheduler = scheduler_number(entry.service.scheduler);
  if (scheduler == LVS_RR) {
    return rr_cycle(servers);
  }
  return scheduler == LVS_WRR ? wrr_cycle(servers, LVS_SEQUENCE_MAX) : Cycle{};
}

}  // namespace

std::optional<uint32_t> scheduler_number(const std::string& name) {
  for (const auto& scheduler : kSchedulers) {
    if (name == scheduler.name) {
      return scheduler.number;
    }
  }
  return std::nullopt;
}

std::string scheduler_name(uint32_t number) {
  for (const auto& scheduler : kSchedulers) {
    if (number == scheduler.number) {
      return scheduler.name;
    }
  }
  return "none";
}

lvs_service_key to_map(const ipvs::ServiceKey& key) {
  lvs_service_key to{};
  if (const auto* mark = std::get_if<ipvs::MarkKey>(&key)) {
    to.address[0] = mark->mark;
    to.kind = LVS_BY_MARK;
    to.family = AF_INET;
    return to;
  }
  const auto& by_address = std::get<ipvs::AddressKey>(key);
  to.address[0] = by_address.address.v4_network();
  to.family = AF_INET;
  to.port = htons(by_address.port);
  to.protocol = static_cast<uint8_t>(by_address.protocol);
  return to;
}

ipvs::ServiceKey from_map(const lvs_service_key& key) {
  if (key.kind == LVS_BY_MARK) {
    return ipvs::MarkKey{key.address[0], Family::v4};
  }
  return ipvs::AddressKey{static_cast<ipvs::Protocol>(key.protocol),
                          Address::v4_bytes(&key.address[0]), ntohs(key.port)};
}

std::vector<Weighted> weighted(const ServiceEntry& entry) {
  std::vector<Weighted> servers;
  for (const auto& server : entry.servers) {
    servers.push_back({server.id, server.dest.weight});
  }
  return servers;
}

std::vector<lvs_slot> make_slice(const ServiceEntry& entry) {
  const Cycle cycle = cycle_of(entry);
  lvs_slice header{};
  header.scheduler = scheduler_number(entry.service.scheduler).value_or(0);
  header.flags = entry.service.flags;
  header.timeout = entry.service.timeout;
  header.prefix = entry.service.prefix;
  header.dests = static_cast<uint32_t>(entry.servers.size());
  header.sequence = static_cast<uint32_t>(cycle.turns.size());
  header.slots = slice_length(header);
  std::vector<lvs_slot> slots(LVS_SLICE_SLOTS);
  std::memcpy(slots.data(), &header, sizeof(header));
  for (const auto& server : entry.servers) {
    slots.push_back({server.id, server.dest.weight});
  }
  for (const auto id : cycle.turns) {
    slots.push_back({id, 0});
  }
  return slots;
}

uint32_t turn_after(const ServiceEntry& before, uint32_t turn, const ServiceEntry& after) {
  if (before.service.scheduler != after.service.scheduler) {
    return LVS_TURN_UNTAKEN;
  }
  const bool is_taken = (turn & LVS_TURN_UNTAKEN) == 0;
  turn &= ~LVS_TURN_UNTAKEN;
  if (after.service.scheduler == "rr") {
    return rr_turn_after(weighted(before), turn, weighted(after));
  }
  return wrr_turn_after(cycle_of(before), turn, is_taken, cycle_of(after)) | LVS_TURN_UNTAKEN;
}

uint32_t slice_length(const lvs_slice& header) {
  return LVS_SLICE_SLOTS + header.dests + header.sequence;
}

ipvs::Service service_of(const lvs_slice& header) {
  ipvs::Service service;
  service.scheduler = scheduler_name(header.scheduler);
  service.flags = header.flags;
  service.timeout = header.timeout;
  service.prefix = header.prefix;
  return service;
}

void write_server(lvs_dest& to, const ipvs::ServiceKey& service, uint32_t service_id,
                  const Server& server) {
  to.address[0] = server.key.address.v4_network();
  to.family = AF_INET;
  to.port = htons(server.key.port);
  to.forward = static_cast<uint8_t>(server.dest.forward);
  to.weight = server.dest.weight;
  to.last_weight = server.dest.weight != 0 ? server.dest.weight : to.last_weight;
  to.upper_threshold = server.dest.upper_threshold;
  to.lower_threshold = server.dest.lower_threshold;
  to.service = service_id;
  to.service_key = to_map(service);
}

Server server_of(const lvs_dest& from, uint32_t id) {
  Server server;
  server.id = id;
  server.key = {Address::v4_bytes(&from.address[0]), ntohs(from.port)};
  server.dest.forward = static_cast<ipvs::Forward>(from.forward);
  server.dest.weight = from.weight;
  server.dest.upper_threshold = from.upper_threshold;
  server.dest.lower_threshold = from.lower_threshold;
  return server;
}

std::string state_name(uint8_t protocol, uint8_t state) {
  if (protocol == 17) {
    return "UDP";
  }
  return state < kTcpStates.size() ? kTcpStates[state] : "ERR!";
}

}  // namespace lvs::core
