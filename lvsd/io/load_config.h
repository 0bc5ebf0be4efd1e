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
  ConfigFile(std::string path, config::Resolver resolve);
  const std::string& path() const { return path_; }
  Result<LoadedConfig> load();
  // The same for a text that was the file's once.
  Result<LoadedConfig> load_from(std::string text);
  // What was loaded last is what runs now.
  void keep() { kept_ = text_; }
  const std::string& kept() const { return kept_; }
  bool is_edited() const;  // The file is not what runs.
  // The file as it was kept, with the addresses that its names have now.
  Result<LoadedConfig> load_kept();

 private:
  Result<LoadedConfig> read(std::string text);

  std::string path_;
  std::string text_;
  std::string kept_;
  config::ConfigReader reader_;
};

}  // namespace lvs::lvsd::io
