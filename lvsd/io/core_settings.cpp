#include "lvsd/io/core_settings.h"

#include <unistd.h>

#include <algorithm>
#include <map>
#include <optional>

#include "common/io/log_sink.h"
#include "lvsd/io/settings_record.h"

namespace lvs::lvsd::io {
namespace {

const std::string kPrefix = "net/ipv4/vs/";
constexpr const char* kRecordFile = "/core-settings";  // In the run directory.

// As the core has them, by the names that they have as sysctls.
using Values = std::map<std::string, std::string>;

Result<Values> read_values(const ipvs::Handler& core) {
  const auto there = core(ipvs::GetSettings{});
  if (!there) {
    return there.error();
  }
  Values values;
  for (const auto& setting : std::get<std::vector<ipvs::SettingStatus>>(*there)) {
    values[kPrefix + setting.name] = std::to_string(setting.value);
  }
  return values;
}

Result<Ok> change(const ipvs::Handler& core, const std::string& name, const std::string& value) {
  const std::string own_name = name.substr(kPrefix.size());
  const auto done = core(
      ipvs::SetSetting{own_name, static_cast<uint32_t>(std::strtoul(value.c_str(), nullptr, 10))});
  if (!done) {
    return done.error();
  }
  lvs::io::log({Level::notice, "core-setting", "", {{"name", own_name}, {"value", value}}});
  return Ok{};
}

bool is_among(const std::vector<Sysctl>& wanted, const std::string& name) {
  return std::any_of(wanted.begin(), wanted.end(),
                     [&](const Sysctl& sysctl) { return sysctl.name == name; });
}

// Whether it need not be tried again.
Result<Ok> restore(const ipvs::Handler& core, const std::string& name, const SettingChange& done,
                   const std::string& now) {
  if (!is_as_set({name, done.given}, now) || now == done.before) {
    return Ok{};
  }
  return change(core, name, done.before);
}

}  // namespace

Result<Ok> set_core_settings(const ipvs::Handler& core, const std::string& run_dir,
                             const std::vector<Sysctl>& wanted) {
  auto now = read_values(core);
  if (!now) {
    return now.error();
  }
  std::optional<Error> failed;
  const auto note = [&](const Result<Ok>& done) {
    if (!done && !failed) {
      failed = done.error();
    }
    return static_cast<bool>(done);
  };
  SettingsRecord record = load_settings(run_dir + kRecordFile);
  std::erase_if(record, [&](const auto& entry) {
    return !is_among(wanted, entry.first) &&
           note(restore(core, entry.first, entry.second, (*now)[entry.first]));
  });
  std::vector<Sysctl> to_set;
  for (const auto& sysctl : wanted) {
    const std::string& value = (*now)[sysctl.name];
    if (is_of_core(sysctl) && !is_as_set(sysctl, value)) {
      record.try_emplace(sysctl.name, SettingChange{value, ""}).first->second.given = sysctl.value;
      to_set.push_back(sysctl);
    }
  }
  // Remembered before it is done: after a crash the values are still known.
  note(save_settings(run_dir + kRecordFile, record));
  for (const auto& sysctl : to_set) {
    note(change(core, sysctl.name, sysctl.value));
  }
  return failed ? Result<Ok>(*failed) : Result<Ok>(Ok{});
}

void forget_core_settings(const std::string& run_dir) {
  ::unlink((run_dir + kRecordFile).c_str());
}

}  // namespace lvs::lvsd::io
