#include "lvsd/core/io/tables.h"

#include <bpf/bpf.h>
#include <unistd.h>

namespace lvs::core {

Result<Memory> Memory::map(const MapNumbers& fds, Access access) {
  const size_t page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  const int protection = access == Access::read ? PROT_READ : PROT_READ | PROT_WRITE;
  Memory memory;
  int failed = 0;
  const auto entries = [&](Map map) -> size_t {
    bpf_map_info info{};
    uint32_t length = sizeof(info);
    const int fd = fds[static_cast<size_t>(map)];
    return bpf_obj_get_info_by_fd(fd, &info, &length) == 0 ? info.max_entries : 0;
  };
  const auto at = [&](Map map, size_t bytes) -> void* {
    const size_t whole = (bytes + page - 1) / page * page;
    void* mapped = ::mmap(nullptr, whole, protection, MAP_SHARED, fds[static_cast<size_t>(map)], 0);
    if (mapped == MAP_FAILED) {
      failed = errno;
      return nullptr;
    }
    memory.mappings_.push_back({mapped, Unmap{whole}});
    return mapped;
  };
  const auto span = [&](Map map, auto*& first) {
    using Entry = std::remove_reference_t<decltype(*first)>;
    const size_t count = entries(map);
    first = static_cast<Entry*>(at(map, count * sizeof(Entry)));
    return std::span<Entry>(first, first == nullptr ? 0 : count);
  };
  lvs_service* services = nullptr;
  lvs_slot* slots = nullptr;
  lvs_dest* dests = nullptr;
  memory.config = static_cast<lvs_config*>(at(Map::config, sizeof(lvs_config)));
  memory.services = span(Map::services, services);
  memory.slots = span(Map::slots, slots);
  memory.dests = span(Map::dests, dests);
  if (failed != 0) {
    return os_error(failed, "map the tables of the BPF programs");
  }
  memory.tables = {fds, memory.config, memory.services, memory.slots, memory.dests};
  return memory;
}

}  // namespace lvs::core
