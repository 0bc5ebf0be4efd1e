#include "lvsd/core/io/tables.h"

#include <unistd.h>

namespace lvs::core {

Result<Memory> Memory::map(const MapNumbers& fds, Access access) {
  const size_t page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  const int protection = access == Access::read ? PROT_READ : PROT_READ | PROT_WRITE;
  Memory memory;
  int failed = 0;
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
  memory.config = static_cast<lvs_config*>(at(Map::config, sizeof(lvs_config)));
  memory.services = {
      static_cast<lvs_service*>(at(Map::services, LVS_SERVICES_MAX * sizeof(lvs_service))),
      LVS_SERVICES_MAX};
  memory.slots = {static_cast<lvs_slot*>(at(Map::slots, LVS_SLOTS_MAX * sizeof(lvs_slot))),
                  LVS_SLOTS_MAX};
  memory.dests = {static_cast<lvs_dest*>(at(Map::dests, LVS_DESTS_MAX * sizeof(lvs_dest))),
                  LVS_DESTS_MAX};
  if (failed != 0) {
    return os_error(failed, "map the tables of the BPF programs");
  }
  memory.tables = {fds, memory.config, memory.services, memory.slots, memory.dests};
  return memory;
}

}  // namespace lvs::core
