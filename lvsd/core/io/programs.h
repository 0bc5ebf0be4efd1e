// The programs of lvsd/bpf in this network namespace: loaded from the skeleton, attached as TC
// filters at one fixed handle and priority, found again there by a later process. A filter holds
// its program and through it all maps (each program is bound to each map), so what forwards needs
// no process and no pin, and belongs to the namespace.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/io/unique_fd.h"
#include "common/result.h"
#include "lvsd/bpf/abi.h"

struct lvs_bpf;

namespace lvs::core {

enum class Map { config, flows, templates, service_ids, services, slots, dests, dest_stats, drops };
constexpr size_t kMaps = 9;
using MapFds = std::array<io::UniqueFd, kMaps>;

enum class Hook { nic_ingress, ipvs0_egress };

// The maps behind whatever is attached here, when there is something and its layout is ours.
// ENOENT: nothing found; EPROTO: programs of another layout.
Result<MapFds> find_attached();

enum class AttachOutcome { already, attached };

// Whether our filter is there, and the id of its program.
std::optional<uint32_t> attached_program(int ifindex, Hook hook);
Result<Ok> detach(int ifindex, Hook hook);
// Takes an emptied clsact away; one that carries other filters stays.
void remove_clsact(int ifindex);

class Programs {
 public:
  // With maps of an earlier process, or new ones of this size.
  static Result<Programs> load(const MapFds* adopted, uint32_t connections_max);
  Programs(Programs&&) noexcept;
  Programs& operator=(Programs&&) noexcept;
  ~Programs();

  // Makes sure that this process's program is on the device; replaces an older one in one step.
  Result<AttachOutcome> attach(int ifindex, Hook hook, bool& made_clsact);
  Result<lvs_sweep> sweep(lvs_sweep ask);
  // For tests: one packet through the program, without a device.
  int program_fd(Hook hook) const;

  int fd(Map map) const;
  lvs_config& config() { return *config_; }
  std::span<lvs_service> services() { return services_; }
  std::span<lvs_slot> slots() { return slots_; }
  std::span<lvs_dest> dests() { return dests_; }

 private:
  Programs() = default;
  Result<Ok> map_memory();

  struct SkeletonDeleter {
    void operator()(lvs_bpf* skeleton) const;
  };
  struct Mapping;
  std::unique_ptr<lvs_bpf, SkeletonDeleter> skeleton_;
  std::vector<std::unique_ptr<Mapping>> mappings_;
  lvs_config* config_ = nullptr;
  std::span<lvs_service> services_;
  std::span<lvs_slot> slots_;
  std::span<lvs_dest> dests_;
};

}  // namespace lvs::core
