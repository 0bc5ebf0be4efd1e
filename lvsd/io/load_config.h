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

// One file, read again and again: what has not changed is not read anew (common/config/parse.h).
// An error lists every diagnostic, one a line: "lvs.cf:12: port: expected a port, 0 to 65535".
class ConfigFile {
 public:
  explicit ConfigFile(std::string path);
  const std::string& path() const { return path_; }
  Result<LoadedConfig> load();

 private:
  std::string path_;
  config::ConfigReader reader_;
};

}  // namespace lvs::lvsd::io
