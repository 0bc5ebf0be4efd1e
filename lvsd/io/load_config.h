// lvs.cf from disk to a value, with host names resolved.
#pragma once

#include <cstdint>
#include <string>

#include "common/config/parse.h"
#include "common/result.h"
#include "lvsd/shared_config.h"

namespace lvs::lvsd::io {

struct LoadedConfig {
  SharedConfig config;
  config::Diagnostics remarks;  // Warnings, and what is not in effect in this version.
};

// An error lists every diagnostic, one a line: "lvs.cf:12: port: expected a port, 0 to 65535".
Result<LoadedConfig> load_config(const std::string& path);

}  // namespace lvs::lvsd::io
