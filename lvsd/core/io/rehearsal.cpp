#include "lvsd/core/io/rehearsal.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <cstring>
#include <numeric>
#include <optional>

#include "lvsd/bpf/trace_abi.h"
#include "lvsd/core/io/batch_reader.h"

#include "skeleton/lvs_bpf.skel.h"  // Knows the types above by name alone.

namespace lvs::core {

namespace {

constexpr uint32_t kConnections = 64;  // Of the copy: those that one packet has to do with.
constexpr std::array kOneByOne = {Map::flows,      Map::flows6,     Map::templates,
                                  Map::templates6, Map::localities, Map::denied,
                                  Map::denied6,    Map::call_ids,   Map::call_ids6};

int quiet(libbpf_print_level, const char*, va_list) {
  return 0;
}

std::optional<bpf_map_info> info_of(int fd) {
  bpf_map_info info{};
  uint32_t length = sizeof(info);
  return bpf_obj_get_info_by_fd(fd, &info, &length) == 0 ? std::optional(info) : std::nullopt;
}

std::optional<bpf_prog_info> program_info(int fd) {
  bpf_prog_info info{};
  uint32_t length = sizeof(info);
  return bpf_obj_get_info_by_fd(fd, &info, &length) == 0 ? std::optional(info) : std::nullopt;
}

size_t possible_cpus() {
  return static_cast<size_t>(std::max(1, libbpf_num_possible_cpus()));
}

template <typename T>
void copy_some(std::span<T> to, std::span<const T> from) {
  std::copy_n(from.begin(), std::min(to.size(), from.size()), to.begin());
}

template <typename Key, typename Value>
void copy_all(int to, int from) {
  BatchReader<Key, Value> reader;
  const auto put = [to](const Key& key, const Value& value) {
    bpf_map_update_elem(to, &key, &value, BPF_ANY);
  };
  while (reader.read_some(from, put)) {
  }
}

size_t member_at(const btf* types, const char* type, const char* name, bool& is_missing) {
  const int id = btf__find_by_name_kind(types, type, BTF_KIND_STRUCT);
  const btf_type* found = id < 0 ? nullptr : btf__type_by_id(types, static_cast<uint32_t>(id));
  for (uint32_t i = 0; found != nullptr && i < btf_vlen(found); ++i) {
    if (std::strcmp(btf__name_by_offset(types, btf_members(found)[i].name_off), name) == 0) {
      return btf_member_bit_offset(found, i) / 8;
    }
  }
  is_missing = true;
  return 0;
}

}  // namespace

struct Rehearsal::Places {
  int fd = -1;
  size_t bytes = 0;  // Of one CPU.
  size_t service = 0, slice = 0, target = 0, template_key = 0, flow = 0, next_hop = 0, device = 0;
};

void Rehearsal::SkeletonDeleter::operator()(lvs_bpf* skeleton) const {
  lvs_bpf__destroy(skeleton);
}

Rehearsal::Rehearsal(Rehearsal&&) noexcept = default;
Rehearsal& Rehearsal::operator=(Rehearsal&&) noexcept = default;
Rehearsal::~Rehearsal() = default;

Result<Rehearsal> Rehearsal::open(const Tables& real) {
  libbpf_set_print(quiet);
  Rehearsal rehearsal;
  rehearsal.real_ = real;
  rehearsal.skeleton_.reset(lvs_bpf__open());
  if (!rehearsal.skeleton_) {
    return os_error(errno, "open the embedded BPF object");
  }
  if (auto loaded = rehearsal.load(); !loaded) {
    return loaded.error();
  }
  if (!rehearsal.find_places()) {
    return Error{EPROTO, "the embedded BPF object does not describe its scratch memory"};
  }
  return rehearsal;
}

Result<Ok> Rehearsal::load() {
  auto* object = skeleton_->obj;
  std::array<bpf_map*, kMaps> maps{};
  for (size_t i = 0; i < kMaps; ++i) {
    maps[i] = bpf_object__find_map_by_name(object, kMapNames[i]);
    const auto map = static_cast<Map>(i);
    const auto there = info_of(real_.fds[i]);
    if (std::find(kOneByOne.begin(), kOneByOne.end(), map) != kOneByOne.end()) {
      bpf_map__set_max_entries(maps[i], kConnections);
    } else if (there && map != Map::drops) {
      bpf_map__set_max_entries(maps[i], there->max_entries);
    }
  }
  const auto& programs = skeleton_->progs;
  for (bpf_program* unused : {programs.nic_egress, programs.ipvs1_ingress, programs.sweep}) {
    bpf_program__set_autoload(unused, false);
  }
  if (const int error = lvs_bpf__load(skeleton_.get()); error != 0) {
    return os_error(-error, "load the BPF programs (needs CAP_BPF, CAP_NET_ADMIN, kernel >= 6.1)");
  }
  MapNumbers fds{};
  std::transform(maps.begin(), maps.end(), fds.begin(),
                 [](const bpf_map* map) { return bpf_map__fd(map); });
  auto memory = Memory::map(fds, Access::write);
  if (!memory) {
    return memory.error();
  }
  memory_ = std::move(*memory);
  return Ok{};
}

bool Rehearsal::find_places() {
  const btf* types = bpf_object__btf(skeleton_->obj);
  const bpf_map* scratch = skeleton_->maps.lvs_scratch;
  if (types == nullptr) {
    return false;
  }
  bool is_missing = false;
  const auto at = [&](const char* type, const char* name) {
    return member_at(types, type, name, is_missing);
  };
  const size_t match = at("scratch", "match");
  const size_t hop = at("scratch", "next_hop");
  places_ = std::make_unique<Places>(Places{.fd = bpf_map__fd(scratch),
                                            .bytes = (bpf_map__value_size(scratch) + 7U) & ~7U,
                                            .service = match + at("match", "id"),
                                            .slice = match + at("match", "slice"),
                                            .target = match + at("match", "target"),
                                            .template_key = at("scratch", "template_key"),
                                            .flow = at("scratch", "flow"),
                                            .next_hop = hop + at("next_hop", "neighbour"),
                                            .device = hop + at("next_hop", "ifindex")});
  return !is_missing;
}

int Rehearsal::program(Hook hook) const {
  const auto& programs = skeleton_->progs;
  return bpf_program__fd(hook == Hook::nic_ingress ? programs.nic_ingress : programs.ipvs0_egress);
}

bool Rehearsal::is_same_program(uint32_t id) const {
  const io::UniqueFd there(bpf_prog_get_fd_by_id(id));
  const auto theirs = there ? program_info(there.get()) : std::nullopt;
  for (const Hook hook : {Hook::nic_ingress, Hook::ipvs0_egress}) {
    const auto ours = program_info(program(hook));
    if (theirs && ours && std::strcmp(theirs->name, ours->name) == 0) {
      return std::memcmp(theirs->tag, ours->tag, sizeof(ours->tag)) == 0;
    }
  }
  return false;
}

bool Rehearsal::take(int fd, const void* key, void* value) {
  return fd >= 0 && bpf_map_lookup_elem(fd, key, value) == 0;
}

bool Rehearsal::put(Map map, const void* key, const void* value) {
  return bpf_map_update_elem(fd(map), key, value, BPF_ANY) == 0;
}

void Rehearsal::empty(Map map) {
  std::array<uint8_t, sizeof(lvs_key6)> key{};
  while (bpf_map_get_next_key(fd(map), nullptr, key.data()) == 0 &&
         bpf_map_delete_elem(fd(map), key.data()) == 0) {
  }
}

void Rehearsal::set_stage() {
  *memory_.config = *real_.config;
  copy_some(memory_.services, real_.services);
  copy_some(memory_.slots, real_.slots);
  copy_some(memory_.dests, real_.dests);
  std::for_each(kOneByOne.begin(), kOneByOne.end(), [this](Map map) { empty(map); });
  empty(Map::service_ids);
  empty(Map::devices);
  copy_all<lvs_service_key, uint32_t>(fd(Map::service_ids), real_.fd(Map::service_ids));
  copy_all<uint32_t, lvs_device>(fd(Map::devices), real_.fd(Map::devices));
  const std::vector<uint64_t> zeros(possible_cpus());
  for (uint32_t reason = 0; reason < LVS_DROPS; ++reason) {
    bpf_map_update_elem(fd(Map::drops), &reason, zeros.data(), BPF_ANY);
  }
  const uint32_t zero = 0;
  const std::vector<uint8_t> blank(places_->bytes * possible_cpus());
  bpf_map_update_elem(places_->fd, &zero, blank.data(), BPF_ANY);
}

// Of the one CPU that the packet was on.
Rehearsal::Traces Rehearsal::traces() const {
  const uint32_t zero = 0;
  std::vector<uint8_t> all(places_->bytes * possible_cpus());
  bpf_map_lookup_elem(places_->fd, &zero, all.data());
  const auto written = std::find_if(all.begin(), all.end(), [](uint8_t byte) { return byte != 0; });
  Traces traces;
  if (written == all.end()) {
    return traces;
  }
  const auto cpu = static_cast<size_t>(written - all.begin()) / places_->bytes;
  const uint8_t* scratch = &all[cpu * places_->bytes];
  const auto read = [scratch](auto& to, size_t at) { std::memcpy(&to, scratch + at, sizeof(to)); };
  read(traces.service, places_->service);
  read(traces.slice, places_->slice);
  read(traces.target, places_->target);
  read(traces.template_key, places_->template_key);
  read(traces.flow, places_->flow);
  read(traces.next_hop, places_->next_hop);
  read(traces.device, places_->device);
  return traces;
}

Result<Rehearsal::Played> Rehearsal::play(Hook hook, std::span<const uint8_t> frame,
                                          const __sk_buff& context) {
  __sk_buff in = context;
  bpf_test_run_opts options{};
  options.sz = sizeof(options);
  options.data_in = frame.data();
  options.data_size_in = static_cast<uint32_t>(frame.size());
  options.ctx_in = &in;
  options.ctx_size_in = sizeof(in);
  if (bpf_prog_test_run_opts(program(hook), &options) != 0) {
    return os_error(errno, "run the BPF programs on a copy of the tables");
  }
  Played played{static_cast<int>(options.retval), {}, traces()};
  std::vector<uint64_t> counts(possible_cpus());
  for (uint32_t reason = 0; reason < LVS_DROPS; ++reason) {
    bpf_map_lookup_elem(fd(Map::drops), &reason, counts.data());
    played.drops[reason] = std::accumulate(counts.begin(), counts.end(), uint64_t{0});
  }
  return played;
}

}  // namespace lvs::core
