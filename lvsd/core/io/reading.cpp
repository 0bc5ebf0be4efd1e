#include "lvsd/core/io/reading.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <time.h>

#include <algorithm>
#include <cstring>

#include "lvsd/bpf/tcp_states.h"
#include "lvsd/core/drops.h"
#include "lvsd/core/io/batch_reader.h"
#include "lvsd/core/layout.h"
#include "lvsd/core/settings.h"

namespace lvs::core {

namespace {

constexpr uint64_t kSecond = 1'000'000'000;

template <typename T>
T load(const T& from) {
  return __atomic_load_n(&from, __ATOMIC_ACQUIRE);
}

size_t possible_cpus() {
  return static_cast<size_t>(std::max(1, libbpf_num_possible_cpus()));
}

template <typename Key, typename Value, typename Fn>
void each_entry(int fd, Fn fn) {
  BatchReader<Key, Value> reader;
  while (reader.read_some(fd, fn)) {
  }
}

// A kernel whose tries cannot be read in batches is met with.
template <typename Key>
void add_denied(int fd, std::vector<ipvs::DeniedPrefix>& all) {
  Key key{};
  const Key* before = nullptr;
  for (uint32_t i = 0; i < LVS_DENIED_ROOM; ++i) {
    Key next{};
    lvs_denied value{};
    if (bpf_map_get_next_key(fd, before, &next) != 0) {
      return;
    }
    if (bpf_map_lookup_elem(fd, &next, &value) == 0) {
      all.push_back({prefix_of(next), value.packets});
    }
    key = next;
    before = &key;
  }
}

uint32_t seconds_left(uint64_t expires, uint64_t now) {
  return expires <= now ? 0 : static_cast<uint32_t>((expires - now + kSecond / 2) / kSecond);
}

Endpoint endpoint(uint32_t address, uint16_t port) {
  return {Address::v4_bytes(&address), ntohs(port)};
}
Endpoint endpoint(const uint32_t (&address)[4], uint16_t port) {
  return {Address::v6_bytes(address), ntohs(port)};
}

const lvs_flow& common_part(const lvs_flow& flow) {
  return flow;
}
const lvs_flow& common_part(const lvs_flow6& flow) {
  return flow.flow;
}

// A tunnel may lead to a real server of the other family.
template <typename Flow>
Endpoint destination_of(const Tables& tables, const Flow& flow) {
  const lvs_flow& common = common_part(flow);
  if (common.forward != LVS_FORWARD_TUNNEL || common.dest >= tables.dests.size()) {
    return endpoint(flow.address, common.port);
  }
  const auto& dest = tables.dests[common.dest];
  return {address_in(dest.address, dest.family), ntohs(common.port)};
}

template <typename Key>
bool is_of_call(const Key& key) {
  const auto* zero = key.zero;
  return key.sport != 0 || zero[0] != 0 || zero[1] != 0 || zero[2] != 0;
}

// What a template stands for, when that is a call.
template <typename Key>
std::string call_id_of(int call_ids, const Key& key) {
  lvs_call_id found{};
  if (call_ids < 0 || bpf_map_lookup_elem(call_ids, &key, &found) != 0) {
    return "";
  }
  found.text[sizeof(found.text) - 1] = '\0';
  return found.text;
}

// Where the entries of a family are.
struct MapsOfFamily {
  Map flows, templates, call_ids;
};
constexpr MapsOfFamily kMapsV4 = {Map::flows, Map::templates, Map::call_ids};
constexpr MapsOfFamily kMapsV6 = {Map::flows6, Map::templates6, Map::call_ids6};

// The connections of one family, then its templates.
template <typename Key, typename Flow>
void append_connections(const Tables& tables, const MapsOfFamily& maps, uint64_t now,
                        std::vector<ipvs::Connection>& all) {
  Expired past(now);
  each_entry<Key, Flow>(tables.fd(maps.flows), [&](const Key& key, const Flow& flow) {
    if (!past.is_living(flow)) {
      return;
    }
    const lvs_flow& common = common_part(flow);
    all.push_back({.protocol = key.protocol,
                   .client = endpoint(key.saddr, key.sport),
                   .virtual_service = endpoint(key.daddr, key.dport),
                   .destination = destination_of(tables, flow),
                   .state = state_name(key.protocol, common.word & LVS_WORD_STATE),
                   .expires_s = seconds_left(common.expires, now)});
  });
  each_entry<Key, lvs_template>(
      tables.fd(maps.templates), [&](const Key& key, const lvs_template& item) {
        if (!past.is_living(key, item) || item.dest >= tables.dests.size()) {
          return;
        }
        const auto& dest = tables.dests[item.dest];
        const bool has_engine = is_of_call(key);
        all.push_back(
            {.protocol = key.protocol,
             .client = endpoint(key.saddr, 0),
             .virtual_service = endpoint(key.daddr, key.dport),
             .destination = {address_in(dest.address, dest.family), ntohs(item.port)},
             .state = item.word & LVS_TEMPLATE_ASSURED ? "ASSURED" : "NONE",
             .expires_s = seconds_left(item.expires, now),
             .is_template = true,
             .persistence_engine = has_engine ? kSip : "",
             .persistence_data = has_engine ? call_id_of(tables.fd(maps.call_ids), key) : ""});
      });
}

template <typename Key, typename Flow>
void look_for_expired(const Tables& tables, Map flows, Map templates, Expired& past) {
  each_entry<Key, Flow>(tables.fd(flows),
                        [&](const Key&, const Flow& flow) { past.is_living(flow); });
  each_entry<Key, lvs_template>(
      tables.fd(templates),
      [&](const Key& key, const lvs_template& item) { past.is_living(key, item); });
}

}  // namespace

uint64_t monotonic_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * kSecond + static_cast<uint64_t>(now.tv_nsec);
}

std::vector<std::pair<ipvs::ServiceKey, uint32_t>> service_ids(const Tables& tables) {
  std::vector<std::pair<ipvs::ServiceKey, uint32_t>> found;
  const int fd = tables.fd(Map::service_ids);
  lvs_service_key key{};
  lvs_service_key next{};
  for (bool is_first = true; bpf_map_get_next_key(fd, is_first ? nullptr : &key, &next) == 0;
       is_first = false) {
    key = next;
    uint32_t id = 0;
    if (bpf_map_lookup_elem(fd, &key, &id) == 0 && id < tables.services.size()) {
      found.emplace_back(from_map(key), id);
    }
  }
  return found;
}

std::optional<LaidOut> laid_out(const Tables& tables, uint32_t service_id) {
  const auto offset = LVS_CURRENT_SLICE(load(tables.services[service_id].current));
  lvs_slice header{};
  if (offset == 0 || offset + LVS_SLICE_SLOTS > tables.slots.size()) {
    return std::nullopt;
  }
  std::memcpy(&header, &tables.slots[offset], sizeof(header));
  if (uint64_t{offset} + header.slots > tables.slots.size() || !is_whole(header)) {
    return std::nullopt;
  }
  LaidOut found{.offset = offset,
                .slots = header.slots,
                .entry = {.id = service_id,
                          .service = service_of(header),
                          .servers = {},
                          .used = header.dests,
                          .room = header.room}};
  for (uint32_t place = 0; place < header.dests; ++place) {
    const uint32_t id = tables.slots[offset + LVS_SLICE_SLOTS + place].dest;
    if (id < tables.dests.size()) {
      const auto server = server_of(tables.dests[id], id);
      found.entry.servers.emplace(place, server);
      found.entry.places.emplace(server.key, place);
    }
  }
  return found;
}

void add(lvs_stats& to, const lvs_stats& from) {
  to.connections += from.connections;
  to.in_packets += from.in_packets;
  to.in_bytes += from.in_bytes;
  to.out_packets += from.out_packets;
  to.out_bytes += from.out_bytes;
}

void subtract(lvs_stats& from, const lvs_stats& what) {
  from.connections -= what.connections;
  from.in_packets -= what.in_packets;
  from.in_bytes -= what.in_bytes;
  from.out_packets -= what.out_packets;
  from.out_bytes -= what.out_bytes;
}

ipvs::Stats shown(const lvs_stats& stats) {
  ipvs::Stats to;
  to.connections = stats.connections;
  to.in_packets = stats.in_packets;
  to.out_packets = stats.out_packets;
  to.in_bytes = stats.in_bytes;
  to.out_bytes = stats.out_bytes;
  return to;
}

lvs_stats traffic_of(const Tables& tables, uint32_t server) {
  std::vector<lvs_stats> per_cpu(possible_cpus());
  lvs_stats sum{};
  if (bpf_map_lookup_elem(tables.fd(Map::dest_stats), &server, per_cpu.data()) == 0) {
    for (const auto& one : per_cpu) {
      add(sum, one);
    }
  }
  return sum;
}

lvs_stats traffic_of(const Tables& tables, const ServiceEntry& entry) {
  lvs_stats sum = tables.services[entry.id].stats;
  for (const auto& [place, server] : entry.servers) {
    add(sum, traffic_of(tables, server.id));
  }
  return sum;
}

ipvs::DestStatus status_of(const Tables& tables, const Server& server,
                           const Expired::Counts& expired) {
  const auto less = [](uint32_t count, uint32_t by) { return count > by ? count - by : 0; };
  const auto& dest = tables.dests[server.id];
  ipvs::DestStatus status{.key = server.key, .dest = server.dest};
  const uint32_t total = less(load(dest.total), expired.total);
  status.active = less(load(dest.active), expired.active);
  status.inactive = less(total, status.active);
  status.persistent = less(load(dest.persistent), expired.persistent);
  status.stats = shown(traffic_of(tables, server.id));
  return status;
}

std::vector<ipvs::Connection> connections(const Tables& tables, uint64_t now) {
  std::vector<ipvs::Connection> all;
  append_connections<lvs_key, lvs_flow>(tables, kMapsV4, now, all);
  append_connections<lvs_key6, lvs_flow6>(tables, kMapsV6, now, all);
  return all;
}

Expired expired(const Tables& tables, uint64_t now) {
  Expired past(now);
  look_for_expired<lvs_key, lvs_flow>(tables, Map::flows, Map::templates, past);
  look_for_expired<lvs_key6, lvs_flow6>(tables, Map::flows6, Map::templates6, past);
  return past;
}

std::vector<ipvs::DropCounter> drops(const Tables& tables) {
  std::vector<ipvs::DropCounter> all;
  std::vector<uint64_t> per_cpu(possible_cpus());
  for (uint32_t i = 0; i < kDropNames.size(); ++i) {
    uint64_t sum = 0;
    if (bpf_map_lookup_elem(tables.fd(Map::drops), &i, per_cpu.data()) == 0) {
      for (const auto one : per_cpu) {
        sum += one;
      }
    }
    all.push_back({kDropNames[i], sum});
  }
  return all;
}

std::vector<ipvs::DeniedPrefix> denied(const Tables& tables) {
  std::vector<ipvs::DeniedPrefix> all;
  add_denied<lvs_deny_key>(tables.fd(Map::denied), all);
  add_denied<lvs_deny_key6>(tables.fd(Map::denied6), all);
  std::sort(all.begin(), all.end(),
            [](const auto& a, const auto& b) { return a.prefix < b.prefix; });
  return all;
}

std::vector<ipvs::SettingStatus> chosen_settings(const Tables& tables) {
  std::vector<ipvs::SettingStatus> all;
  const uint32_t known = settings_in(*tables.config);
  for (const auto& setting : settings()) {
    if (setting.index) {
      all.push_back({setting.name, *setting.index < known
                                       ? load(tables.config->settings[*setting.index])
                                       : setting.standard});
    }
  }
  return all;
}

ipvs::Timeouts timeouts(const Tables& tables) {
  const auto* ns = tables.config->timeouts;
  const auto seconds = [](uint64_t value) { return static_cast<uint32_t>(value / kSecond); };
  return {seconds(ns[LVS_TCP_ESTABLISHED]), seconds(ns[LVS_TCP_FIN_WAIT]),
          seconds(ns[LVS_TIMEOUT_UDP])};
}

}  // namespace lvs::core
