#include "lvsd/core/io/state.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <time.h>

#include <algorithm>
#include <climits>
#include <cstring>

#include "lvsd/bpf/tcp_states.h"
#include "lvsd/core/drops.h"
#include "lvsd/core/layout.h"

namespace lvs::core {

namespace {

constexpr uint64_t kSecond = 1'000'000'000;
constexpr uint32_t kTimeoutMax = INT_MAX / 1000;  // As ip_vs with 1000 ticks a second.
constexpr auto kEstimateEvery = std::chrono::seconds(2);
constexpr uint32_t kBatch = 4096;

template <typename T>
void store(T& to, T value) {
  __atomic_store_n(&to, value, __ATOMIC_RELEASE);
}
template <typename T>
T load(const T& from) {
  return __atomic_load_n(&from, __ATOMIC_ACQUIRE);
}

uint64_t monotonic_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * kSecond + static_cast<uint64_t>(now.tv_nsec);
}

void add(lvs_stats& to, const lvs_stats& from) {
  to.connections += from.connections;
  to.in_packets += from.in_packets;
  to.in_bytes += from.in_bytes;
  to.out_packets += from.out_packets;
  to.out_bytes += from.out_bytes;
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

// Every entry of a hash map, many to a system call.
template <typename Value, typename Fn>
void each_entry(int fd, Fn fn) {
  std::vector<lvs_key> keys(kBatch);
  std::vector<Value> values(kBatch);
  uint32_t position = 0;
  bool is_first = true;
  for (int error = 0; error == 0; is_first = false) {
    uint32_t count = kBatch;
    error = bpf_map_lookup_batch(fd, is_first ? nullptr : &position, &position, keys.data(),
                                 values.data(), &count, nullptr);
    if (error != 0 && errno != ENOENT) {
      return;
    }
    for (uint32_t i = 0; i < count; ++i) {
      fn(keys[i], values[i]);
    }
  }
}

uint32_t seconds_left(uint64_t expires, uint64_t now) {
  return expires <= now ? 0 : static_cast<uint32_t>((expires - now + kSecond / 2) / kSecond);
}

Endpoint endpoint(uint32_t address, uint16_t port) {
  return {Address::v4_bytes(&address), ntohs(port)};
}

}  // namespace

State::State(Programs& programs, TimePoint now)
    : programs_(programs),
      slots_(LVS_SLOTS_MAX),
      possible_cpus_(std::max(1, libbpf_num_possible_cpus())) {
  read_services(now);
  read_trash(now);
}

std::vector<std::pair<ipvs::ServiceKey, uint32_t>> State::service_ids() const {
  std::vector<std::pair<ipvs::ServiceKey, uint32_t>> found;
  const int fd = programs_.fd(Map::service_ids);
  lvs_service_key key{};
  lvs_service_key next{};
  for (bool is_first = true; bpf_map_get_next_key(fd, is_first ? nullptr : &key, &next) == 0;
       is_first = false) {
    key = next;
    uint32_t id = 0;
    if (bpf_map_lookup_elem(fd, &key, &id) == 0 && id < LVS_SERVICES_MAX) {
      found.emplace_back(from_map(key), id);
    }
  }
  return found;
}

void State::read_services(TimePoint) {
  for (const auto& [key, id] : service_ids()) {
    const auto offset = static_cast<uint32_t>(load(programs_.services()[id].current) >> 32);
    lvs_slice header{};
    if (offset == 0 || offset + LVS_SLICE_SLOTS > LVS_SLOTS_MAX) {
      continue;
    }
    std::memcpy(&header, &programs_.slots()[offset], sizeof(header));
    if (!slots_.reserve(offset, slice_length(header))) {
      continue;
    }
    ServiceEntry entry{.id = id, .service = service_of(header), .servers = {}};
    for (uint32_t i = 0; i < header.dests; ++i) {
      const uint32_t server = programs_.slots()[offset + LVS_SLICE_SLOTS + i].dest;
      if (server < LVS_DESTS_MAX) {
        entry.servers.push_back(server_of(programs_.dests()[server], server));
      }
    }
    slices_[key] = {offset, entry};
    table_.restore(key, std::move(entry));
  }
}

// Whatever is in use and in no service was removed; also what a process that died in the middle of
// adding left.
void State::read_trash(TimePoint now) {
  std::set<uint32_t> listed;
  for (const auto& [key, entry] : table_.services()) {
    for (const auto& server : entry.servers) {
      listed.insert(server.id);
    }
  }
  for (uint32_t id = 0; id < LVS_DESTS_MAX; ++id) {
    auto& dest = programs_.dests()[id];
    if (dest.use != LVS_DEST_FREE && !listed.contains(id)) {
      store(dest.use, static_cast<__u8>(LVS_DEST_REMOVED));
      table_.restore_trashed(id, {from_map(dest.service_key), server_of(dest, id).key, now});
    }
  }
}

Result<Ok> State::write(const Changes& changes, TimePoint now) {
  for (const auto id : changes.servers) {
    write_server(id, changes.fresh_servers.contains(id));
  }
  for (const auto& key : changes.services) {
    if (auto ok = write_service(key, now); !ok) {
      return ok;
    }
  }
  for (const auto& [key, id] : changes.services_gone) {
    remove_service(key, id, now);
  }
  for (const auto id : changes.servers_gone) {
    remove_server(id);
  }
  for (const auto id : changes.servers_freed) {
    store(programs_.dests()[id].use, static_cast<__u8>(LVS_DEST_FREE));
  }
  return Ok{};
}

void State::write_server(uint32_t id, bool is_fresh) {
  const auto found = table_.server(id);
  if (!found) {
    return;
  }
  auto& dest = programs_.dests()[id];
  if (is_fresh) {
    std::memset(&dest, 0, sizeof(dest));
    clear_stats(id);
    server_rates_.erase(id);
  }
  const auto& [key, server] = *found;
  core::write_server(dest, key, table_.find(key)->id, server);
  const uint32_t total = load(dest.total);
  const uint32_t upper = dest.upper_threshold;
  const uint32_t low = dest.lower_threshold != 0 ? dest.lower_threshold : upper - upper / 4;
  if (upper != 0 && total >= upper) {
    store(dest.overload, 1U);
  } else if (upper == 0 || total < low) {
    store(dest.overload, 0U);
  }
  store(dest.use, static_cast<__u8>(LVS_DEST_AVAILABLE));
}

Result<Ok> State::write_service(const ipvs::ServiceKey& key, TimePoint now) {
  const auto* entry = table_.find(key);
  if (entry == nullptr) {
    return Ok{};
  }
  const auto slots = make_slice(*entry);
  const auto offset = slots_.allocate(static_cast<uint32_t>(slots.size()), now);
  if (!offset) {
    return Error{ENOMEM, "no room for the schedule of " + to_string(key)};
  }
  std::copy(slots.begin(), slots.end(), programs_.slots().begin() + *offset);
  auto& service = programs_.services()[entry->id];
  const auto old = slices_.find(key);
  uint32_t turn = 0;
  if (old != slices_.end()) {
    turn = turn_after(old->second.entry, static_cast<uint32_t>(load(service.current)), *entry);
    const auto length = make_slice(old->second.entry).size();
    slots_.release(old->second.offset, static_cast<uint32_t>(length), now);
  } else {
    std::memset(&service.stats, 0, sizeof(service.stats));
    service.key = to_map(key);
  }
  store(service.current, static_cast<__u64>(uint64_t{*offset} << 32 | turn));
  slices_[key] = {*offset, *entry};
  const auto map_key = to_map(key);
  if (bpf_map_update_elem(programs_.fd(Map::service_ids), &map_key, &entry->id, BPF_ANY) != 0) {
    return os_error(errno, "index " + to_string(key));
  }
  return Ok{};
}

void State::remove_service(const ipvs::ServiceKey& key, uint32_t id, TimePoint now) {
  const auto map_key = to_map(key);
  bpf_map_delete_elem(programs_.fd(Map::service_ids), &map_key);
  store(programs_.services()[id].current, __u64{0});
  const auto slice = slices_.find(key);
  if (slice != slices_.end()) {
    const auto length = make_slice(slice->second.entry).size();
    slots_.release(slice->second.offset, static_cast<uint32_t>(length), now);
    slices_.erase(slice);
  }
  service_rates_.erase(key);
}

// Its traffic stays in the sum of its service.
void State::remove_server(uint32_t id) {
  auto& dest = programs_.dests()[id];
  store(dest.use, static_cast<__u8>(LVS_DEST_REMOVED));
  const auto key = from_map(dest.service_key);
  if (const auto* entry = table_.find(key)) {
    add(programs_.services()[entry->id].stats, stats_of(id));
  }
  clear_stats(id);
}

void State::collect(TimePoint now) {
  const auto changes = table_.collect(now, [this](uint32_t id) {
    const auto& dest = programs_.dests()[id];
    return load(dest.total) == 0 && load(dest.persistent) == 0;
  });
  (void)write(changes, now);
}

lvs_stats State::stats_of(uint32_t server) const {
  std::vector<lvs_stats> per_cpu(static_cast<size_t>(possible_cpus_));
  lvs_stats sum{};
  if (bpf_map_lookup_elem(programs_.fd(Map::dest_stats), &server, per_cpu.data()) == 0) {
    for (const auto& one : per_cpu) {
      add(sum, one);
    }
  }
  return sum;
}

void State::clear_stats(uint32_t server) {
  const std::vector<lvs_stats> zeros(static_cast<size_t>(possible_cpus_));
  bpf_map_update_elem(programs_.fd(Map::dest_stats), &server, zeros.data(), BPF_ANY);
}

ipvs::ServiceStatus State::status_of(const ipvs::ServiceKey& key, const ServiceEntry& entry) const {
  lvs_stats sum = programs_.services()[entry.id].stats;
  for (const auto& server : entry.servers) {
    add(sum, stats_of(server.id));
  }
  ipvs::ServiceStatus status{key, entry.service, shown(sum)};
  if (const auto rate = service_rates_.find(key); rate != service_rates_.end()) {
    show_rate(status.stats, rate->second);
  }
  return status;
}

std::vector<ipvs::DestStatus> State::servers_of(const ServiceEntry& entry) const {
  std::vector<ipvs::DestStatus> all;
  for (const auto& server : entry.servers) {
    const auto& dest = programs_.dests()[server.id];
    ipvs::DestStatus status{.key = server.key, .dest = server.dest};
    const uint32_t total = load(dest.total);
    status.active = load(dest.active);
    status.inactive = total > status.active ? total - status.active : 0;
    status.persistent = load(dest.persistent);
    status.stats = shown(stats_of(server.id));
    if (const auto rate = server_rates_.find(server.id); rate != server_rates_.end()) {
      show_rate(status.stats, rate->second);
    }
    all.push_back(std::move(status));
  }
  return all;
}

std::vector<ipvs::Connection> State::connections() const {
  std::vector<ipvs::Connection> all;
  const uint64_t now = monotonic_ns();
  each_entry<lvs_flow>(programs_.fd(Map::flows), [&](const lvs_key& key, const lvs_flow& flow) {
    if (flow.direction != LVS_TO_SERVER || (flow.word & LVS_WORD_DEAD) || now >= flow.expires) {
      return;
    }
    all.push_back({.protocol = key.protocol,
                   .client = endpoint(key.saddr, key.sport),
                   .virtual_service = endpoint(key.daddr, key.dport),
                   .destination = endpoint(flow.address, flow.port),
                   .state = state_name(key.protocol, flow.word & LVS_WORD_STATE),
                   .expires_s = seconds_left(flow.expires, now)});
  });
  each_entry<lvs_template>(
      programs_.fd(Map::templates), [&](const lvs_key& key, const lvs_template& item) {
        if ((item.word & LVS_TEMPLATE_DEAD) || item.dest >= LVS_DESTS_MAX) {
          return;
        }
        all.push_back({.protocol = key.protocol,
                       .client = endpoint(key.saddr, key.sport),
                       .virtual_service = endpoint(key.daddr, key.dport),
                       .destination = endpoint(programs_.dests()[item.dest].address, item.port),
                       .state = item.word & LVS_TEMPLATE_ASSURED ? "ASSURED" : "NONE",
                       .expires_s = seconds_left(item.expires, now),
                       .is_template = true});
      });
  return all;
}

std::vector<ipvs::DropCounter> State::drops() const {
  std::vector<ipvs::DropCounter> all;
  std::vector<uint64_t> per_cpu(static_cast<size_t>(possible_cpus_));
  for (uint32_t i = 0; i < kDropNames.size(); ++i) {
    uint64_t sum = 0;
    if (bpf_map_lookup_elem(programs_.fd(Map::drops), &i, per_cpu.data()) == 0) {
      for (const auto one : per_cpu) {
        sum += one;
      }
    }
    all.push_back({kDropNames[i], sum});
  }
  return all;
}

void State::zero(const ServiceEntry& entry) {
  std::memset(&programs_.services()[entry.id].stats, 0, sizeof(lvs_stats));
  for (const auto& server : entry.servers) {
    clear_stats(server.id);
    server_rates_.erase(server.id);
  }
}

ipvs::Timeouts State::timeouts() const {
  const auto* ns = programs_.config().timeouts;
  const auto seconds = [](uint64_t value) { return static_cast<uint32_t>(value / kSecond); };
  return {seconds(ns[LVS_TCP_ESTABLISHED]), seconds(ns[LVS_TCP_FIN_WAIT]),
          seconds(ns[LVS_TIMEOUT_UDP])};
}

Result<Ok> State::set_timeouts(const ipvs::Timeouts& timeouts) {
  if (std::max({timeouts.tcp, timeouts.tcp_fin, timeouts.udp}) > kTimeoutMax) {
    return Error{EINVAL, "a timeout above " + std::to_string(kTimeoutMax) + " seconds"};
  }
  auto* ns = programs_.config().timeouts;
  const auto set = [&](unsigned index, uint32_t seconds) {
    if (seconds != 0) {
      store(ns[index], static_cast<__u64>(seconds * kSecond));
    }
  };
  set(LVS_TCP_ESTABLISHED, timeouts.tcp);
  set(LVS_TCP_FIN_WAIT, timeouts.tcp_fin);
  set(LVS_TIMEOUT_UDP, timeouts.udp);
  return Ok{};
}

uint32_t State::bound_connections() const {
  uint32_t sum = 0;
  for (const auto& dest : programs_.dests()) {
    sum += load(dest.total);
  }
  return sum;
}

uint32_t State::templates() const {
  uint32_t sum = 0;
  for (const auto& dest : programs_.dests()) {
    sum += load(dest.persistent);
  }
  return sum;
}

// The estimator of ip_vs: every two seconds a quarter of the way from the average to the rate, in
// fixed point.
void State::estimate_one(Rate& rate, const lvs_stats& stats) {
  const auto toward = [](uint64_t& average, uint64_t value) {
    average =
        static_cast<uint64_t>(static_cast<int64_t>(average) +
                              ((static_cast<int64_t>(value) - static_cast<int64_t>(average)) >> 2));
  };
  const ipvs::Stats now_stats = shown(stats);
  const auto since = [](uint64_t value, uint64_t last) { return value > last ? value - last : 0; };
  toward(rate.cps, since(now_stats.connections, rate.last.connections) << 9);
  toward(rate.in_pps, since(now_stats.in_packets, rate.last.in_packets) << 9);
  toward(rate.out_pps, since(now_stats.out_packets, rate.last.out_packets) << 9);
  toward(rate.in_bps, since(now_stats.in_bytes, rate.last.in_bytes) << 4);
  toward(rate.out_bps, since(now_stats.out_bytes, rate.last.out_bytes) << 4);
  rate.last = now_stats;
}

void State::show_rate(ipvs::Stats& stats, const Rate& rate) {
  stats.cps = (rate.cps + 0x1ff) >> 10;
  stats.in_pps = (rate.in_pps + 0x1ff) >> 10;
  stats.out_pps = (rate.out_pps + 0x1ff) >> 10;
  stats.in_bps = (rate.in_bps + 0xf) >> 5;
  stats.out_bps = (rate.out_bps + 0xf) >> 5;
}

void State::estimate(TimePoint now) {
  if (estimated_at_ && now < *estimated_at_ + kEstimateEvery) {
    return;
  }
  estimated_at_ = now;
  for (const auto& [key, entry] : table_.services()) {
    lvs_stats sum = programs_.services()[entry.id].stats;
    for (const auto& server : entry.servers) {
      const auto stats = stats_of(server.id);
      add(sum, stats);
      estimate_one(server_rates_[server.id], stats);
    }
    estimate_one(service_rates_[key], sum);
  }
}

}  // namespace lvs::core
