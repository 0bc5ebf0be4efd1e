#include "lvsd/core/io/state.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <climits>
#include <cstring>

#include "lvsd/bpf/tcp_states.h"
#include "lvsd/core/io/reading.h"
#include "lvsd/core/layout.h"

namespace lvs::core {

namespace {

constexpr uint64_t kSecond = 1'000'000'000;
constexpr uint32_t kTimeoutMax = INT_MAX / 1000;  // As ip_vs with 1000 ticks a second.
constexpr auto kEstimateEvery = std::chrono::seconds(2);

template <typename T>
void store(T& to, T value) {
  __atomic_store_n(&to, value, __ATOMIC_RELEASE);
}
template <typename T>
T load(const T& from) {
  return __atomic_load_n(&from, __ATOMIC_ACQUIRE);
}

}  // namespace

State::State(Programs& programs, TimePoint now)
    : programs_(programs),
      slots_(static_cast<uint32_t>(programs.slots().size())),
      possible_cpus_(std::max(1, libbpf_num_possible_cpus())) {
  read_services();
  read_trash(now);
}

void State::read_services() {
  for (const auto& [key, id] : service_ids(programs_.tables())) {
    auto found = laid_out(programs_.tables(), id);
    if (!found || !slots_.reserve(found->offset, found->slots)) {
      continue;
    }
    slices_[key] = {found->offset, found->entry};
    table_.restore(key, std::move(found->entry));
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
  for (uint32_t id = 0; id < programs_.dests().size(); ++id) {
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

void State::set_own_addresses(std::set<Address> own) {
  if (own == own_addresses_) {
    return;
  }
  own_addresses_ = std::move(own);
  for (const auto& [key, entry] : table_.services()) {
    for (const auto& server : entry.servers) {
      store(programs_.dests()[server.id].is_local,
            static_cast<__u8>(own_addresses_.contains(server.key.address)));
    }
  }
}

void State::write_server(uint32_t id, bool is_fresh) {
  const auto found = table_.server(id);
  if (!found) {
    return;
  }
  auto& dest = programs_.dests()[id];
  const auto& [key, server] = *found;
  if (is_fresh) {
    std::memset(&dest, 0, sizeof(dest));
    clear_stats(id);
    server_rates_.erase(id);
  } else if (dest.use == LVS_DEST_REMOVED) {
    subtract(programs_.services()[table_.find(key)->id].stats, traffic_of(programs_.tables(), id));
  }
  core::write_server(dest, key, table_.find(key)->id, server);
  store(dest.is_local, static_cast<__u8>(own_addresses_.contains(server.key.address)));
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
  uint32_t turn = LVS_TURN_UNTAKEN;
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
  for (const auto& [server, trashed] : table_.trash()) {
    if (trashed.service == key) {
      clear_stats(server);
    }
  }
}

// Its traffic stays in the sum of its service, and its own, should it come back to that service.
void State::remove_server(uint32_t id) {
  auto& dest = programs_.dests()[id];
  store(dest.use, static_cast<__u8>(LVS_DEST_REMOVED));
  const auto key = from_map(dest.service_key);
  if (const auto* entry = table_.find(key)) {
    add(programs_.services()[entry->id].stats, traffic_of(programs_.tables(), id));
  }
}

void State::collect(TimePoint now) {
  const auto changes = table_.collect(now, [this](uint32_t id) {
    const auto& dest = programs_.dests()[id];
    return load(dest.total) == 0 && load(dest.persistent) == 0;
  });
  (void)write(changes, now);
}

void State::clear_stats(uint32_t server) {
  const std::vector<lvs_stats> zeros(static_cast<size_t>(possible_cpus_));
  bpf_map_update_elem(programs_.fd(Map::dest_stats), &server, zeros.data(), BPF_ANY);
}

ipvs::ServiceStatus State::status_of(const ipvs::ServiceKey& key, const ServiceEntry& entry) const {
  ipvs::ServiceStatus status{key, entry.service, shown(traffic_of(programs_.tables(), entry))};
  if (const auto rate = service_rates_.find(key); rate != service_rates_.end()) {
    show_rate(status.stats, rate->second);
  }
  return status;
}

std::vector<ipvs::DestStatus> State::servers_of(const ServiceEntry& entry) const {
  std::vector<ipvs::DestStatus> all;
  for (const auto& server : entry.servers) {
    auto status = core::status_of(programs_.tables(), server, {});
    if (const auto rate = server_rates_.find(server.id); rate != server_rates_.end()) {
      show_rate(status.stats, rate->second);
    }
    all.push_back(std::move(status));
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
      const auto stats = traffic_of(programs_.tables(), server.id);
      add(sum, stats);
      estimate_one(server_rates_[server.id], stats);
    }
    estimate_one(service_rates_[key], sum);
  }
}

}  // namespace lvs::core
