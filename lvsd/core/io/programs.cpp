#include "lvsd/core/io/programs.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <numeric>
#include <vector>

#include "lvsd/bpf/trace_abi.h"
#include "lvsd/core/pressure.h"

#include "skeleton/lvs_bpf.skel.h"  // Knows the types above by name alone.

namespace lvs::core {

namespace {

int quiet(libbpf_print_level, const char*, va_list) {
  return 0;
}

uint32_t entries_of(int fd) {
  bpf_map_info info{};
  uint32_t length = sizeof(info);
  return bpf_obj_get_info_by_fd(fd, &info, &length) == 0 ? info.max_entries : 0;
}

// An earlier process knew fewer reasons to drop a packet: its counts go into a map with all.
bool is_too_small(const bpf_map* map, int fd) {
  return std::strcmp(bpf_map__name(map), kMapNames[static_cast<size_t>(Map::drops)]) == 0 &&
         entries_of(fd) < LVS_DROPS;
}

void copy_counts(int from, int to) {
  std::vector<uint64_t> per_cpu(static_cast<size_t>(std::max(1, libbpf_num_possible_cpus())));
  for (uint32_t i = 0; i < entries_of(from); ++i) {
    if (bpf_map_lookup_elem(from, &i, per_cpu.data()) == 0) {
      bpf_map_update_elem(to, &i, per_cpu.data(), BPF_ANY);
    }
  }
}

}  // namespace

void Programs::SkeletonDeleter::operator()(lvs_bpf* skeleton) const {
  lvs_bpf__destroy(skeleton);
}

Programs::Programs(Programs&&) noexcept = default;
Programs& Programs::operator=(Programs&&) noexcept = default;
Programs::~Programs() = default;

Result<Programs> Programs::load(const MapFds* adopted, uint32_t connections_max) {
  libbpf_set_print(quiet);
  Programs programs;
  programs.skeleton_.reset(lvs_bpf__open());
  if (!programs.skeleton_) {
    return os_error(errno, "open the embedded BPF object");
  }
  auto* object = programs.skeleton_->obj;
  for (size_t i = 0; i < kMaps; ++i) {
    bpf_map* map = bpf_object__find_map_by_name(object, kMapNames[i]);
    if (adopted == nullptr || !(*adopted)[i] || is_too_small(map, (*adopted)[i].get())) {
      continue;
    }
    if (bpf_map__reuse_fd(map, (*adopted)[i].get()) != 0) {
      return os_error(errno, std::string("take over map ") + kMapNames[i]);
    }
  }
  const auto& maps = programs.skeleton_->maps;
  const auto is_new = [&](Map map) {
    return adopted == nullptr || !(*adopted)[static_cast<size_t>(map)];
  };
  if (is_new(Map::flows)) {
    bpf_map__set_max_entries(maps.lvs_flows, connections_max * 2);
    bpf_map__set_max_entries(maps.lvs_templates, connections_max);
  }
  if (is_new(Map::flows6)) {
    bpf_map__set_max_entries(maps.lvs_flows6, connections_max * 2);
    bpf_map__set_max_entries(maps.lvs_templates6, connections_max);
  }
  if (is_new(Map::localities)) {
    bpf_map__set_max_entries(maps.lvs_localities, localities_for(connections_max));
  }
  if (const int error = lvs_bpf__load(programs.skeleton_.get()); error != 0) {
    return os_error(-error, "load the BPF programs (needs CAP_BPF, CAP_NET_ADMIN, kernel >= 6.1)");
  }
  const auto& drops = maps.lvs_drops;
  if (adopted != nullptr) {
    const int before = (*adopted)[static_cast<size_t>(Map::drops)].get();
    if (is_too_small(drops, before)) {
      copy_counts(before, bpf_map__fd(drops));
    }
  }
  for (const Hook hook :
       {Hook::nic_ingress, Hook::nic_egress, Hook::ipvs0_egress, Hook::ipvs1_ingress}) {
    for (size_t i = 0; i < kMaps; ++i) {
      bpf_prog_bind_map(programs.program_fd(hook), programs.fd(static_cast<Map>(i)), nullptr);
    }
  }
  MapNumbers fds{};
  for (size_t i = 0; i < kMaps; ++i) {
    fds[i] = programs.fd(static_cast<Map>(i));
  }
  auto memory = Memory::map(fds, Access::write);
  if (!memory) {
    return memory.error();
  }
  programs.memory_ = std::move(*memory);
  return programs;
}

Result<AttachOutcome> Programs::attach(int ifindex, Hook hook, bool& made_clsact) {
  return core::attach(ifindex, hook, program_fd(hook), made_clsact);
}

Result<lvs_sweep> Programs::sweep(lvs_sweep ask, std::span<const lvs_key6> keys) {
  std::array<uint32_t, LVS_SWEEP_KEYS_MAX> places;
  std::iota(places.begin(), places.end(), 0U);
  ask.keys = static_cast<uint32_t>(keys.size());
  if (bpf_map_update_batch(bpf_map__fd(skeleton_->maps.lvs_sweep_keys), places.data(), keys.data(),
                           &ask.keys, nullptr) != 0) {
    return os_error(errno, "hand the sweeper its keys");
  }
  bpf_test_run_opts options{};
  options.sz = sizeof(options);
  options.ctx_in = &ask;  // And the answer.
  options.ctx_size_in = sizeof(ask);
  if (bpf_prog_test_run_opts(bpf_program__fd(skeleton_->progs.sweep), &options) != 0) {
    return os_error(errno, "sweep the connection table");
  }
  return ask;
}

lvs_device Programs::device(int ifindex) const {
  lvs_device found{};
  const auto key = static_cast<uint32_t>(ifindex);
  bpf_map_lookup_elem(fd(Map::devices), &key, &found);
  return found;
}

Result<Ok> Programs::remember_device(int ifindex, const lvs_device& device) {
  const auto key = static_cast<uint32_t>(ifindex);
  if (bpf_map_update_elem(fd(Map::devices), &key, &device, BPF_ANY) != 0) {
    return os_error(errno, "note device " + std::to_string(ifindex));
  }
  return Ok{};
}

void Programs::forget_device(int ifindex) {
  const auto key = static_cast<uint32_t>(ifindex);
  bpf_map_delete_elem(fd(Map::devices), &key);
}

int Programs::program_fd(Hook hook) const {
  const auto& programs = skeleton_->progs;
  switch (hook) {
    case Hook::nic_ingress:
      return bpf_program__fd(programs.nic_ingress);
    case Hook::nic_egress:
      return bpf_program__fd(programs.nic_egress);
    case Hook::ipvs0_egress:
      return bpf_program__fd(programs.ipvs0_egress);
    case Hook::ipvs1_ingress:
      return bpf_program__fd(programs.ipvs1_ingress);
  }
  return -1;
}

int Programs::fd(Map map) const {
  return bpf_map__fd(
      bpf_object__find_map_by_name(skeleton_->obj, kMapNames[static_cast<size_t>(map)]));
}

}  // namespace lvs::core
