#include "lvsd/core/io/programs.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <net/if.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <new>

#include "lvsd/core/io/devices.h"
#include "skeleton/lvs_bpf.skel.h"

namespace lvs::core {

namespace {

// Where our filters stand: behind the usual 1, so that other programs see the packet first.
constexpr uint32_t kPriority = 50;
constexpr uint32_t kHandle = 0x1f5;
constexpr uint32_t kMapsOfProgramMax = 64;

constexpr std::array<const char*, kMaps> kMapNames = {
    "lvs_config", "lvs_flows", "lvs_templates",  "lvs_service_ids", "lvs_services",
    "lvs_slots",  "lvs_dests", "lvs_dest_stats", "lvs_drops"};

const char* program_name(Hook hook) {
  return hook == Hook::nic_ingress ? "nic_ingress" : "ipvs0_egress";
}

bpf_tc_hook tc_hook(int ifindex, Hook hook) {
  bpf_tc_hook to{};
  to.sz = sizeof(to);
  to.ifindex = ifindex;
  to.attach_point = hook == Hook::nic_ingress ? BPF_TC_INGRESS : BPF_TC_EGRESS;
  return to;
}

bpf_tc_opts tc_options() {
  bpf_tc_opts options{};
  options.sz = sizeof(options);
  options.handle = kHandle;
  options.priority = kPriority;
  return options;
}

// Maps by name, behind one program.
Result<MapFds> maps_of(uint32_t program_id) {
  const io::UniqueFd program(bpf_prog_get_fd_by_id(program_id));
  if (!program) {
    return os_error(errno, "open program " + std::to_string(program_id));
  }
  std::array<uint32_t, kMapsOfProgramMax> ids{};
  bpf_prog_info info{};
  info.nr_map_ids = kMapsOfProgramMax;
  info.map_ids = reinterpret_cast<uint64_t>(ids.data());
  uint32_t length = sizeof(info);
  if (bpf_obj_get_info_by_fd(program.get(), &info, &length) != 0) {
    return os_error(errno, "ask about program " + std::to_string(program_id));
  }
  MapFds maps;
  for (uint32_t i = 0; i < std::min(info.nr_map_ids, kMapsOfProgramMax); ++i) {
    io::UniqueFd map(bpf_map_get_fd_by_id(ids[i]));
    bpf_map_info about{};
    length = sizeof(about);
    if (!map || bpf_obj_get_info_by_fd(map.get(), &about, &length) != 0) {
      continue;
    }
    for (size_t n = 0; n < kMaps; ++n) {
      if (std::strcmp(about.name, kMapNames[n]) == 0) {
        maps[n] = std::move(map);
        break;
      }
    }
  }
  return maps;
}

Result<Ok> check_layout(const MapFds& maps) {
  const auto& config_fd = maps[static_cast<size_t>(Map::config)];
  if (!config_fd) {
    return Error{ENOENT, "no map lvs_config"};
  }
  const uint32_t zero = 0;
  lvs_config config{};
  bpf_map_info info{};
  uint32_t length = sizeof(info);
  if (bpf_obj_get_info_by_fd(config_fd.get(), &info, &length) != 0 ||
      info.value_size != sizeof(config) ||
      bpf_map_lookup_elem(config_fd.get(), &zero, &config) != 0 ||
      config.magic != LVS_LAYOUT_MAGIC || config.version != LVS_LAYOUT_VERSION) {
    return Error{EPROTO, "the attached programs have another layout"};
  }
  for (size_t i = 0; i < kMaps; ++i) {
    if (!maps[i]) {
      return Error{EPROTO, std::string("the attached programs have no map ") + kMapNames[i]};
    }
  }
  return Ok{};
}

int quiet(libbpf_print_level, const char*, va_list) {
  return 0;
}

}  // namespace

std::optional<uint32_t> attached_program(int ifindex, Hook hook) {
  libbpf_set_print(quiet);
  const auto at = tc_hook(ifindex, hook);
  auto options = tc_options();
  if (bpf_tc_query(&at, &options) != 0 || options.prog_id == 0) {
    return std::nullopt;
  }
  const io::UniqueFd program(bpf_prog_get_fd_by_id(options.prog_id));
  bpf_prog_info info{};
  uint32_t length = sizeof(info);
  if (!program || bpf_obj_get_info_by_fd(program.get(), &info, &length) != 0 ||
      std::strcmp(info.name, program_name(hook)) != 0) {
    return std::nullopt;
  }
  return options.prog_id;
}

Result<MapFds> find_attached() {
  std::optional<Error> found_other;
  for (const auto& device : devices()) {
    const Hook hook = device.name == kIpvs0 ? Hook::ipvs0_egress : Hook::nic_ingress;
    const auto id = attached_program(device.index, hook);
    if (!id) {
      continue;
    }
    auto maps = maps_of(*id);
    if (!maps) {
      return maps.error();
    }
    if (auto ok = check_layout(*maps); !ok) {
      found_other = ok.error();
      continue;
    }
    return maps;
  }
  return found_other ? *found_other : Error{ENOENT, "no attached programs"};
}

Result<Ok> detach(int ifindex, Hook hook) {
  const auto at = tc_hook(ifindex, hook);
  const auto options = tc_options();
  const int error = bpf_tc_detach(&at, &options);
  if (error != 0 && error != -ENOENT) {
    return os_error(-error, "detach from device " + std::to_string(ifindex));
  }
  return Ok{};
}

void remove_clsact(int ifindex) {
  if (has_filters(ifindex)) {
    return;
  }
  auto at = tc_hook(ifindex, Hook::nic_ingress);
  at.attach_point = static_cast<bpf_tc_attach_point>(BPF_TC_INGRESS | BPF_TC_EGRESS);
  bpf_tc_hook_destroy(&at);
}

struct Programs::Mapping {
  void* memory = MAP_FAILED;
  size_t size = 0;
  Mapping(int fd, size_t bytes) : size(bytes) {
    memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() {
    if (memory != MAP_FAILED) {
      ::munmap(memory, size);
    }
  }
};

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
    if (adopted != nullptr && bpf_map__reuse_fd(map, (*adopted)[i].get()) != 0) {
      return os_error(errno, std::string("take over map ") + kMapNames[i]);
    }
  }
  if (adopted == nullptr) {
    bpf_map__set_max_entries(programs.skeleton_->maps.lvs_flows, connections_max * 2);
    bpf_map__set_max_entries(programs.skeleton_->maps.lvs_templates, connections_max / 4 + 1);
  }
  if (const int error = lvs_bpf__load(programs.skeleton_.get()); error != 0) {
    return os_error(-error, "load the BPF programs (needs CAP_BPF, CAP_NET_ADMIN, kernel >= 6.1)");
  }
  for (const Hook hook : {Hook::nic_ingress, Hook::ipvs0_egress}) {
    for (size_t i = 0; i < kMaps; ++i) {
      bpf_prog_bind_map(programs.program_fd(hook), programs.fd(static_cast<Map>(i)), nullptr);
    }
  }
  if (auto ok = programs.map_memory(); !ok) {
    return ok.error();
  }
  return programs;
}

Result<Ok> Programs::map_memory() {
  const auto at = [this](Map map, size_t bytes) -> void* {
    const size_t page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
    const size_t whole = (bytes + page - 1) / page * page;
    mappings_.push_back(std::make_unique<Mapping>(fd(map), whole));
    return mappings_.back()->memory;
  };
  config_ = static_cast<lvs_config*>(at(Map::config, sizeof(lvs_config)));
  services_ = {static_cast<lvs_service*>(at(Map::services, LVS_SERVICES_MAX * sizeof(lvs_service))),
               LVS_SERVICES_MAX};
  slots_ = {static_cast<lvs_slot*>(at(Map::slots, LVS_SLOTS_MAX * sizeof(lvs_slot))),
            LVS_SLOTS_MAX};
  dests_ = {static_cast<lvs_dest*>(at(Map::dests, LVS_DESTS_MAX * sizeof(lvs_dest))),
            LVS_DESTS_MAX};
  for (const auto& mapping : mappings_) {
    if (mapping->memory == MAP_FAILED) {
      return os_error(errno, "map the tables of the BPF programs");
    }
  }
  return Ok{};
}

Result<AttachOutcome> Programs::attach(int ifindex, Hook hook, bool& made_clsact) {
  bpf_prog_info info{};
  uint32_t length = sizeof(info);
  if (bpf_obj_get_info_by_fd(program_fd(hook), &info, &length) != 0) {
    return os_error(errno, "ask about our own program");
  }
  const auto there = attached_program(ifindex, hook);
  if (there == info.id) {
    return AttachOutcome::already;
  }
  auto at = tc_hook(ifindex, hook);
  made_clsact = bpf_tc_hook_create(&at) == 0;
  auto options = tc_options();
  options.prog_fd = program_fd(hook);
  options.flags = there ? BPF_TC_F_REPLACE : 0;
  if (const int error = bpf_tc_attach(&at, &options); error != 0) {
    return os_error(-error, "attach " + std::string(program_name(hook)) + " to device " +
                                std::to_string(ifindex) + " (tc filter pref " +
                                std::to_string(kPriority) + ")");
  }
  return AttachOutcome::attached;
}

Result<lvs_sweep> Programs::sweep(lvs_sweep ask) {
  bpf_test_run_opts options{};
  options.sz = sizeof(options);
  options.ctx_in = &ask;  // And the answer.
  options.ctx_size_in = sizeof(ask);
  if (bpf_prog_test_run_opts(bpf_program__fd(skeleton_->progs.sweep), &options) != 0) {
    return os_error(errno, "sweep the connection table");
  }
  return ask;
}

int Programs::program_fd(Hook hook) const {
  return bpf_program__fd(hook == Hook::nic_ingress ? skeleton_->progs.nic_ingress
                                                   : skeleton_->progs.ipvs0_egress);
}

int Programs::fd(Map map) const {
  return bpf_map__fd(
      bpf_object__find_map_by_name(skeleton_->obj, kMapNames[static_cast<size_t>(map)]));
}

}  // namespace lvs::core
