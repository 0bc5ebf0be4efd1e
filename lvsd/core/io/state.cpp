#include "lvsd/core/io/state.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <bit>
#include <climits>
#include <cstring>

#include "lvsd/bpf/tcp_states.h"
#include "lvsd/core/io/devices.h"
#include "lvsd/core/io/grace.h"
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

Limits limits_of(const Tables& tables) {
  return {.services = std::min<uint32_t>(static_cast<uint32_t>(tables.services.size()),
                                         LVS_SERVICES_MAX - 1),
          .servers = static_cast<uint32_t>(tables.dests.size())};
}

// Without one nothing is sent into the tunnel.
void set_tunnel_source(lvs_dest& dest, const std::optional<Address>& source) {
  __be32 words[4] = {};
  if (source) {
    put_address(words, *source);
  }
  if (std::memcmp(words, dest.tunnel_source, sizeof(words)) != 0) {
    std::memcpy(dest.tunnel_source, words, sizeof(words));
  }
}

}  // namespace

State::State(Programs& programs, TimePoint now)
    : programs_(programs),
      table_(limits_of(programs.tables())),
      slots_(static_cast<uint32_t>(programs.slots().size())),
      possible_cpus_(std::max(1, libbpf_num_possible_cpus())) {
  read_services();
  read_trash(now);
}

// What is no slice, or lies on another's, is unlinked: what is listed is what is scheduled.
void State::read_services() {
  for (const auto& [key, id] : service_ids(programs_.tables())) {
    auto found = laid_out(programs_.tables(), id);
    if (found && slots_.reserve(found->offset, found->slots)) {
      table_.restore(key, std::move(found->entry));
      continue;
    }
    const auto map_key = to_map(key);
    bpf_map_delete_elem(programs_.fd(Map::service_ids), &map_key);
  }
}

// Whatever is in use and in no service was removed; also what a process that died in the middle of
// adding left.
void State::read_trash(TimePoint now) {
  std::set<uint32_t> listed;
  for (const auto& [key, entry] : table_.services()) {
    for (const auto& [place, server] : entry.servers) {
      listed.insert(server.id);
    }
  }
  for (uint32_t id = 0; id < programs_.dests().size(); ++id) {
    auto& dest = programs_.dests()[id];
    if (dest.use != LVS_DEST_FREE && !listed.contains(id)) {
      store(dest.use, static_cast<__u8>(LVS_DEST_REMOVED));
      table_.restore_trashed(
          id, {from_map(dest.service_key), server_of(dest, id).key, dest.last_weight, now});
    }
  }
}

Result<Ok> State::apply(const Change& change, TimePoint now) {
  auto ok = std::visit([&](const auto& one) { return write(one, now); }, change);
  if (ok) {
    table_.commit(change, now);
  }
  return ok;
}

void State::set_own_addresses(std::set<Address> own) {
  if (own == own_addresses_) {
    return;
  }
  own_addresses_ = std::move(own);
  for (const auto& [key, entry] : table_.services()) {
    for (const auto& [place, server] : entry.servers) {
      store(programs_.dests()[server.id].is_local,
            static_cast<__u8>(own_addresses_.contains(server.key.address)));
    }
  }
}

void State::find_tunnel_sources() {
  std::map<Address, std::optional<Address>> found;
  for (const auto& [key, entry] : table_.services()) {
    for (const auto& [place, server] : entry.servers) {
      if (server.dest.forward != ipvs::Forward::tunnel) {
        continue;
      }
      const auto [one, is_new] = found.try_emplace(server.key.address);
      if (is_new) {
        one->second = source_towards(server.key.address);
      }
      set_tunnel_source(programs_.dests()[server.id], one->second);
    }
  }
}

// --- services ---

Result<Ok> State::write(const PutService& change, TimePoint now) {
  const auto slice = lay_out(change.entry, now);
  if (!slice) {
    return slice.error().in(to_string(change.key));
  }
  if (change.is_new) {
    return list_new_service(change, *slice, now);
  }
  const bool same = table_.find(change.key)->service.scheduler == change.entry.service.scheduler;
  const auto before = list_in(slice_of(change.entry.id));
  const auto& after = header_of(*slice);
  if (!same) {
    auto& service = programs_.services()[change.entry.id];
    store(service.cache, service.cache + 1);
    store(service.cached, 0U);
  }
  move_service(change.entry.id, *slice, now, [&](Cursor cursor) {
    return same ? renumbered(before, cursor) : first_cursor({after.top, after.step});
  });
  return Ok{};
}

Result<Ok> State::list_new_service(const PutService& change, uint32_t slice, TimePoint now) {
  auto& service = programs_.services()[change.entry.id];
  const uint32_t cache = service.cache;
  std::memset(&service, 0, sizeof(service));
  service.cache = cache + 1;
  service.key = to_map(change.key);
  const auto cursor = first_cursor({header_of(slice).top, header_of(slice).step});
  store(service.current, static_cast<__u64>(LVS_CURRENT(slice, cursor.place, cursor.level)));
  const int fd = programs_.fd(Map::service_ids);
  if (bpf_map_update_elem(fd, &service.key, &change.entry.id, BPF_ANY) != 0) {
    const int code = errno == E2BIG ? ENOMEM : errno;  // As ip_vs says it.
    store(service.current, __u64{0});
    release(slice, now);
    return os_error(code, "index " + to_string(change.key));
  }
  return Ok{};
}

Result<Ok> State::write(const DropServices& change, TimePoint now) {
  for (const auto& key : change.keys) {
    drop_service(key, *table_.find(key), now);
  }
  return Ok{};
}

void State::drop_service(const ipvs::ServiceKey& key, const ServiceEntry& entry, TimePoint now) {
  const auto map_key = to_map(key);
  bpf_map_delete_elem(programs_.fd(Map::service_ids), &map_key);
  const uint32_t slice = slice_of(entry.id);
  store(programs_.services()[entry.id].current, __u64{0});
  release(slice, now);
  service_rates_.erase(key);
  for (const auto& [place, server] : entry.servers) {
    remove_server(server.id, nullptr);
    (void)clear_stats(server.id);
  }
  for (const auto& [server, id] : table_.trash_of(key)) {
    (void)clear_stats(id);
  }
}

// --- real servers ---

Result<Ok> State::write(const PutServer& change, TimePoint now) {
  const uint32_t service = table_.find(change.service)->id;
  const uint32_t before = slice_of(service);
  uint32_t slice = before;
  if (change.anew) {
    const auto laid = lay_out(*change.anew, now);
    if (!laid) {
      return laid.error().in(to_string(change.service));
    }
    slice = *laid;
  }
  if (change.arrival == Arrival::fresh) {
    if (auto ok = make_fresh(change.server.id); !ok) {
      if (slice != before) {
        release(slice, now);
      }
      return ok;
    }
  } else if (change.arrival == Arrival::from_trash) {
    subtract(programs_.services()[service].stats, traffic_of(programs_.tables(), change.server.id));
  }
  write_server(change.service, service, change.server);
  if (!change.anew) {
    write_slot(slice, change.place, slot_of(change.server));
  }
  const auto& header = header_of(slice);
  move_service(service, slice, now, [&](Cursor cursor) {
    if (change.anew) {
      cursor = renumbered(list_in(before), cursor);
    }
    return cursor_with(header.scheduler, {header.top, header.step}, cursor);
  });
  return Ok{};
}

Result<Ok> State::make_fresh(uint32_t server) {
  if (auto ok = clear_stats(server); !ok) {
    return ok;
  }
  auto& dest = programs_.dests()[server];
  const uint32_t generation = dest.generation;
  std::memset(&dest, 0, sizeof(dest));
  dest.generation = generation + 1;
  server_rates_.erase(server);
  return Ok{};
}

void State::write_server(const ipvs::ServiceKey& key, uint32_t service, const Server& server) {
  auto& dest = programs_.dests()[server.id];
  core::write_server(dest, key, service, server);
  store(dest.is_local, static_cast<__u8>(own_addresses_.contains(server.key.address)));
  if (server.dest.forward == ipvs::Forward::tunnel) {
    set_tunnel_source(dest, source_towards(server.key.address));
  }
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

Result<Ok> State::write(const DropServer& change, TimePoint now) {
  const uint32_t service = table_.find(change.service)->id;
  const uint32_t before = slice_of(service);
  uint32_t slice = before;
  if (change.anew) {
    const auto laid = lay_out(*change.anew, now);
    if (!laid) {
      return laid.error().in(to_string(change.service));
    }
    slice = *laid;
  } else {
    write_slot(slice, change.place, kGap);
  }
  const auto& header = header_of(slice);
  move_service(service, slice, now, [&](Cursor cursor) {
    cursor = cursor_without(list_in(before), change.place, cursor);
    if (change.anew) {
      std::vector<lvs_slot> rest(list_in(before).begin(), list_in(before).end());
      rest[change.place] = kGap;
      cursor = renumbered(rest, cursor);
    }
    return cursor_with(header.scheduler, {header.top, header.step}, cursor);
  });
  remove_server(change.id, &programs_.services()[service]);
  return Ok{};
}

// Its traffic stays in the sum of its service, and its own, should it come back to that service.
void State::remove_server(uint32_t id, lvs_service* of) {
  store(programs_.dests()[id].use, static_cast<__u8>(LVS_DEST_REMOVED));
  if (of != nullptr) {
    add(of->stats, traffic_of(programs_.tables(), id));
  }
}

Result<Ok> State::write(const FreeServers& change, TimePoint) {
  for (const auto id : change.ids) {
    store(programs_.dests()[id].use, static_cast<__u8>(LVS_DEST_FREE));
  }
  return Ok{};
}

// --- slices ---

Result<uint32_t> State::lay_out(const ServiceEntry& entry, TimePoint now) {
  const auto slots = make_slice(entry);
  const auto count = static_cast<uint32_t>(slots.size());
  auto offset = slots_.allocate(count, now);
  if (!offset) {
    if (auto ok = wait_for_running_programs(); !ok) {
      return ok.error();
    }
    slots_.end_rest();
    offset = slots_.allocate(count, now);
  }
  if (!offset) {
    return Error{ENOMEM, "no room for its schedule of " + std::to_string(count) + " slots"};
  }
  std::copy(slots.begin(), slots.end(), programs_.slots().begin() + *offset);
  return *offset;
}

uint32_t State::slice_of(uint32_t service) {
  return LVS_CURRENT_SLICE(load(programs_.services()[service].current));
}

lvs_slice& State::header_of(uint32_t slice) {
  return reinterpret_cast<lvs_slice&>(programs_.slots()[slice]);
}

List State::list_in(uint32_t slice) {
  return list_of(&programs_.slots()[slice], header_of(slice));
}

// The slot, what the list's weights come to, and only then that it is in the list.
void State::write_slot(uint32_t slice, uint32_t place, lvs_slot slot) {
  auto& at = reinterpret_cast<uint64_t&>(programs_.slots()[slice + LVS_SLICE_SLOTS + place]);
  store(at, std::bit_cast<uint64_t>(slot));
  auto& header = header_of(slice);
  const uint32_t dests = std::max(header.dests, place + 1);
  const auto steps =
      steps_of(header.scheduler, {&programs_.slots()[slice + LVS_SLICE_SLOTS], dests});
  auto& both = reinterpret_cast<uint64_t&>(programs_.slots()[slice + LVS_SLICE_TOP_SLOT]);
  store(both, std::bit_cast<uint64_t>(steps));
  store(header.dests, dests);
}

template <typename Follow>
void State::move_service(uint32_t service, uint32_t slice, TimePoint now, Follow follow) {
  auto& current = programs_.services()[service].current;
  __u64 seen = load(current);
  __u64 next = 0;
  do {
    const Cursor cursor = follow(cursor_of(seen));
    next = LVS_CURRENT(slice, cursor.place, cursor.level);
  } while (!__atomic_compare_exchange_n(&current, &seen, next, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_ACQUIRE));
  if (LVS_CURRENT_SLICE(seen) != slice) {
    release(LVS_CURRENT_SLICE(seen), now);
  }
}

void State::release(uint32_t slice, TimePoint now) {
  slots_.release(slice, header_of(slice).slots, now);
}

// --- the rest ---

void State::collect(TimePoint now) {
  const auto idle = table_.prepare_collection(now, [this](uint32_t id) {
    const auto& dest = programs_.dests()[id];
    return load(dest.total) == 0 && load(dest.persistent) == 0;
  });
  (void)apply(idle, now);  // Stores alone.
}

Result<Ok> State::clear_stats(uint32_t server) {
  const std::vector<lvs_stats> zeros(static_cast<size_t>(possible_cpus_));
  if (bpf_map_update_elem(programs_.fd(Map::dest_stats), &server, zeros.data(), BPF_ANY) != 0) {
    const int code = errno == E2BIG ? ENOMEM : errno;
    return os_error(code, "clear the counters of a real server");
  }
  return Ok{};
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
  for (const auto& [place, server] : entry.servers) {
    auto status = core::status_of(programs_.tables(), server, {});
    if (const auto rate = server_rates_.find(server.id); rate != server_rates_.end()) {
      show_rate(status.stats, rate->second);
    }
    all.push_back(std::move(status));
  }
  return all;
}

void State::zero(const ipvs::ServiceKey& key, const ServiceEntry& entry) {
  std::memset(&programs_.services()[entry.id].stats, 0, sizeof(lvs_stats));
  service_rates_.erase(key);
  for (const auto& [place, server] : entry.servers) {
    (void)clear_stats(server.id);
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
    for (const auto& [place, server] : entry.servers) {
      const auto stats = traffic_of(programs_.tables(), server.id);
      add(sum, stats);
      estimate_one(server_rates_[server.id], stats);
    }
    estimate_one(service_rates_[key], sum);
  }
}

}  // namespace lvs::core
