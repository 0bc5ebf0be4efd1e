// What switches were before lvsd set them, in a file of the run directory, so that a later lvsd can
// put them back. A missing or broken file is an empty record.
#pragma once

#include <map>
#include <string>

#include "common/result.h"

namespace lvs::lvsd::io {

struct SettingChange {
  std::string before;
  std::string given;
};
using SettingsRecord = std::map<std::string, SettingChange>;  // By the switch's name.

SettingsRecord load_settings(const std::string& file);
Result<Ok> save_settings(const std::string& file, const SettingsRecord& record);

}  // namespace lvs::lvsd::io
