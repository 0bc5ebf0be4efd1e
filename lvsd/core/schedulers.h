// The schedulers of the embedded core: their names and numbers, and how the table of one that
// hashes is laid out. What they are called to administrators and which core has them:
// common/ipvs/capabilities.h.
#pragma once

#include <optional>
#include <string>

#include "lvsd/bpf/abi.h"

namespace lvs::core {

std::optional<lvs_scheduler> scheduler_of(const std::string& name);
std::string scheduler_name(uint32_t number);

}  // namespace lvs::core
