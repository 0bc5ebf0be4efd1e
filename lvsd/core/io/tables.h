// The maps of the core as memory. Tables is what anybody may read; Memory owns the mappings, which
// lvsd writes through and lvsadm, with lvsd dead, cannot.
#pragma once

#include <sys/mman.h>

#include <array>
#include <memory>
#include <span>
#include <vector>

#include "common/result.h"
#include "lvsd/bpf/abi.h"
#include "lvsd/core/io/attached.h"

namespace lvs::core {

using MapNumbers = std::array<int, kMaps>;  // File descriptors that somebody else owns.

struct Tables {
  MapNumbers fds{};
  const lvs_config* config = nullptr;
  std::span<const lvs_service> services;
  std::span<const lvs_slot> slots;
  std::span<const lvs_dest> dests;

  int fd(Map map) const { return fds[static_cast<size_t>(map)]; }
};

struct Memory {
  // With Access::read every write through the pointers below is a fault: hand out `tables` only.
  static Result<Memory> map(const MapNumbers& fds, Access access);

  lvs_config* config = nullptr;
  std::span<lvs_service> services;
  std::span<lvs_slot> slots;
  std::span<lvs_dest> dests;
  Tables tables;

 private:
  struct Unmap {
    size_t size = 0;
    void operator()(void* memory) const { ::munmap(memory, size); }
  };
  std::vector<std::unique_ptr<void, Unmap>> mappings_;
};

}  // namespace lvs::core
