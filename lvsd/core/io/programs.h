// The programs of lvsd/bpf: loaded from the skeleton, attached as TC filters, with the maps of an
// earlier process or new ones.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "common/result.h"
#include "lvsd/bpf/abi.h"
#include "lvsd/core/io/attached.h"
#include "lvsd/core/io/tables.h"

struct lvs_bpf;

namespace lvs::core {

class Programs {
 public:
  // With maps of an earlier process, or new ones of this size.
  static Result<Programs> load(const MapFds* adopted, uint32_t connections_max);
  Programs(Programs&&) noexcept;
  Programs& operator=(Programs&&) noexcept;
  ~Programs();

  // Makes sure that this process's program is on the device; replaces an older one in one step.
  Result<AttachOutcome> attach(int ifindex, Hook hook, bool& made_clsact);
  // Of the entries with these keys, at most LVS_SWEEP_KEYS_MAX; of IPv4 the first part is one.
  Result<lvs_sweep> sweep(lvs_sweep ask, std::span<const lvs_key6> keys);

  // What the programs know of a device; zeros of one that they do not know.
  lvs_device device(int ifindex) const;
  Result<Ok> remember_device(int ifindex, const lvs_device& device);
  void forget_device(int ifindex);
  // For tests: one packet through the program, without a device.
  int program_fd(Hook hook) const;

  int fd(Map map) const;
  lvs_config& config() { return *memory_.config; }
  std::span<lvs_service> services() { return memory_.services; }
  std::span<lvs_slot> slots() { return memory_.slots; }
  std::span<lvs_dest> dests() { return memory_.dests; }
  const Tables& tables() const { return memory_.tables; }

 private:
  Programs() = default;

  struct SkeletonDeleter {
    void operator()(lvs_bpf* skeleton) const;
  };
  std::unique_ptr<lvs_bpf, SkeletonDeleter> skeleton_;
  Memory memory_;
};

}  // namespace lvs::core
