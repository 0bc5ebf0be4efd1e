// What an administrator may choose about the core's behaviour, under the names of net.ipv4.vs.* and
// with their defaults (Documentation/networking/ipvs-sysctl.rst of the kernel). Those of ip_vs that
// the embedded core does not have are named too, so that asking for one says so.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "common/result.h"
#include "lvsd/bpf/abi.h"

namespace lvs::core {

struct Setting {
  const char* name;
  std::optional<lvs_setting> index;  // Nothing: not in the embedded core.
  uint32_t standard;                 // Its value when nobody chose another.
  uint32_t max;
  const char* meaning;
};

std::span<const Setting> settings();

// How many of the settings in these maps have a value; an older process knew fewer.
uint32_t settings_in(const lvs_config& config);
// Gives those that have none their standard value.
void give_standards(lvs_config& config);

std::string name_of_setting(lvs_setting index);

// ENOENT: no such name; EOPNOTSUPP: ip_vs has it, the embedded core does not; EINVAL: out of range.
Result<lvs_setting> setting_for(const std::string& name, uint32_t value);

}  // namespace lvs::core
