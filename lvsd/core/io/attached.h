// What stands in this network namespace: TC filters at one fixed handle and priority, and behind
// them the maps. A filter holds its program and through it all maps (each program is bound to each
// map), so what forwards needs no process and no pin, and belongs to the namespace.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "common/io/unique_fd.h"
#include "common/result.h"

namespace lvs::core {

enum class Map {
  config,
  flows,
  templates,
  service_ids,
  services,
  slots,
  dests,
  dest_stats,
  drops,
  devices,
  flows6,
  templates6,
  localities,
  denied,
  denied6,
  call_ids,
  call_ids6
};
constexpr size_t kMaps = 17;
constexpr std::array<const char*, kMaps> kMapNames = {
    "lvs_config",   "lvs_flows",      "lvs_templates",  "lvs_service_ids", "lvs_services",
    "lvs_slots",    "lvs_dests",      "lvs_dest_stats", "lvs_drops",       "lvs_devices",
    "lvs_flows6",   "lvs_templates6", "lvs_localities", "lvs_denied",      "lvs_denied6",
    "lvs_call_ids", "lvs_call_ids6"};
// Programs of before IPv6, of before lblc, of before the list of denied clients and of before sip
// do not have all maps; whoever takes over theirs makes what is missing anew.
constexpr bool may_be_missing(size_t map) {
  return map >= static_cast<size_t>(Map::flows6);
}
using MapFds = std::array<io::UniqueFd, kMaps>;

enum class Hook { nic_ingress, nic_egress, ipvs0_egress, ipvs1_ingress };
enum class Access {
  read,
  write
};  // The kernel itself refuses a write through maps opened to read.

// The maps behind whatever is attached here, when there is something and its layout is ours.
// ENOENT: nothing found; EPROTO: programs of another layout.
Result<MapFds> find_attached(Access access = Access::write);

// The id of the program of our filter, if it is there.
std::optional<uint32_t> attached_program(int ifindex, Hook hook);

// A map of a program that is not one of the core's tables; no descriptor: it has none so called.
struct FoundMap {
  io::UniqueFd fd;
  uint32_t id = 0;
  uint32_t value_size = 0;
};
FoundMap map_of_program(uint32_t program_id, const char* name);

// Whether others have attached programs by links there, which stand before all filters.
bool has_links_at(int ifindex);
// Whether ours is the first of the filters: links aside, it sees every packet of this device.
bool is_first_filter_at(int ifindex);

enum class AttachOutcome { already, attached };

// Makes sure that this program is on the device; replaces an older one in one step.
Result<AttachOutcome> attach(int ifindex, Hook hook, int program_fd, bool& made_clsact);
Result<Ok> detach(int ifindex, Hook hook);
// Takes an emptied clsact away; one that carries other filters stays.
void remove_clsact(int ifindex);

}  // namespace lvs::core
