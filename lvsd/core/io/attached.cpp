#include "lvsd/core/io/attached.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "lvsd/bpf/abi.h"
#include "lvsd/core/io/devices.h"

namespace lvs::core {

namespace {

// Where our filters stand: behind the usual 1, so that other programs see the packet first. What
// they keep from us is caught behind INPUT and FORWARD.
constexpr uint32_t kPriority = 50;
constexpr uint32_t kHandle = 0x1f5;
constexpr uint32_t kMapsOfProgramMax = 64;

const char* program_name(Hook hook) {
  switch (hook) {
    case Hook::nic_ingress:
      return "nic_ingress";
    case Hook::nic_egress:
      return "nic_egress";
    case Hook::ipvs0_egress:
      return "ipvs0_egress";
    case Hook::ipvs1_ingress:
      return "ipvs1_ingress";
  }
  return "";
}

Hook hook_of(const std::string& device) {
  if (device == kIpvs0) {
    return Hook::ipvs0_egress;
  }
  return device == kIpvs1 ? Hook::ipvs1_ingress : Hook::nic_ingress;
}

bpf_tc_hook tc_hook(int ifindex, Hook hook) {
  bpf_tc_hook to{};
  to.sz = sizeof(to);
  to.ifindex = ifindex;
  const bool is_egress = hook == Hook::ipvs0_egress || hook == Hook::nic_egress;
  to.attach_point = is_egress ? BPF_TC_EGRESS : BPF_TC_INGRESS;
  return to;
}

bpf_tc_opts tc_options() {
  bpf_tc_opts options{};
  options.sz = sizeof(options);
  options.handle = kHandle;
  options.priority = kPriority;
  return options;
}

io::UniqueFd open_map(uint32_t id, Access access) {
  bpf_get_fd_by_id_opts how{};
  how.sz = sizeof(how);
  how.open_flags = access == Access::read ? BPF_F_RDONLY : 0;
  return io::UniqueFd(bpf_map_get_fd_by_id_opts(id, &how));
}

// Of the maps behind one program.
Result<std::vector<uint32_t>> map_ids_of(uint32_t program_id) {
  const io::UniqueFd program(bpf_prog_get_fd_by_id(program_id));
  if (!program) {
    return os_error(errno, "open program " + std::to_string(program_id));
  }
  std::vector<uint32_t> ids(kMapsOfProgramMax);
  bpf_prog_info info{};
  info.nr_map_ids = kMapsOfProgramMax;
  info.map_ids = reinterpret_cast<uint64_t>(ids.data());
  uint32_t length = sizeof(info);
  if (bpf_obj_get_info_by_fd(program.get(), &info, &length) != 0) {
    return os_error(errno, "ask about program " + std::to_string(program_id));
  }
  ids.resize(std::min(info.nr_map_ids, kMapsOfProgramMax));
  return ids;
}

// Maps by name, behind one program.
Result<MapFds> maps_of(uint32_t program_id, Access access) {
  const auto ids = map_ids_of(program_id);
  if (!ids) {
    return ids.error();
  }
  MapFds maps;
  for (const uint32_t id : *ids) {
    io::UniqueFd map = open_map(id, access);
    bpf_map_info about{};
    uint32_t length = sizeof(about);
    if (!map || bpf_obj_get_info_by_fd(map.get(), &about, &length) != 0) {
      continue;
    }
    if (about.map_flags & BPF_F_MMAPABLE) {
      map = open_map(id, Access::write);  // The kernel maps no other; the pages are read-only.
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
    const std::string theirs = config.magic == LVS_LAYOUT_MAGIC
                                   ? "layout " + std::to_string(config.version)
                                   : "an unknown layout";
    return Error{EPROTO, "the attached programs have " + theirs + ", this program knows layout " +
                             std::to_string(LVS_LAYOUT_VERSION)};
  }
  for (size_t i = 0; i < kMaps; ++i) {
    if (!maps[i] && !may_be_missing(i)) {
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

FoundMap map_of_program(uint32_t program_id, const char* name) {
  const auto ids = map_ids_of(program_id);
  for (const uint32_t id : ids ? *ids : std::vector<uint32_t>{}) {
    io::UniqueFd map = open_map(id, Access::write);
    bpf_map_info about{};
    uint32_t length = sizeof(about);
    if (map && bpf_obj_get_info_by_fd(map.get(), &about, &length) == 0 &&
        std::strcmp(about.name, name) == 0) {
      return {std::move(map), id, about.value_size};
    }
  }
  return {};
}

bool has_links_at(int ifindex) {
  // BPF_TCX_INGRESS, Linux 6.6; an older kernel knows no such place and answers with an error.
  constexpr auto kTcxIngress = static_cast<bpf_attach_type>(46);
  uint32_t links = 0;
  return bpf_prog_query(ifindex, kTcxIngress, 0, nullptr, nullptr, &links) == 0 && links > 0;
}

bool is_first_filter_at(int ifindex) {
  return is_first_filter(ifindex, kPriority);
}

Result<MapFds> find_attached(Access access) {
  std::optional<Error> found_other;
  for (const auto& device : devices()) {
    const auto id = attached_program(device.index, hook_of(device.name));
    if (!id) {
      continue;
    }
    auto maps = maps_of(*id, access);
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

Result<AttachOutcome> attach(int ifindex, Hook hook, int program_fd, bool& made_clsact) {
  bpf_prog_info info{};
  uint32_t length = sizeof(info);
  if (bpf_obj_get_info_by_fd(program_fd, &info, &length) != 0) {
    return os_error(errno, "ask about our own program");
  }
  const auto there = attached_program(ifindex, hook);
  if (there == info.id) {
    return AttachOutcome::already;
  }
  auto at = tc_hook(ifindex, hook);
  made_clsact = bpf_tc_hook_create(&at) == 0;
  auto options = tc_options();
  options.prog_fd = program_fd;
  options.flags = there ? BPF_TC_F_REPLACE : 0;
  if (const int error = bpf_tc_attach(&at, &options); error != 0) {
    return os_error(-error, "attach " + std::string(program_name(hook)) + " to device " +
                                std::to_string(ifindex) + " (tc filter pref " +
                                std::to_string(kPriority) + ")");
  }
  return AttachOutcome::attached;
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

}  // namespace lvs::core
