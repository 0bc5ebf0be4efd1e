#include "lvsd/io/core_settings.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "common/io/log_sink.h"

namespace lvs::lvsd::io {
namespace {

const std::string kPrefix = "net/ipv4/vs/";

std::string name_of(const Sysctl& sysctl) {
  return sysctl.name.substr(kPrefix.size());
}

Result<Ok> change(const ipvs::Handler& core, const std::string& name, uint32_t value) {
  const auto done = core(ipvs::SetSetting{name, value});
  if (!done) {
    return done.error();
  }
  lvs::io::log(
      {Level::notice, "core-setting", "", {{"name", name}, {"value", std::to_string(value)}}});
  return Ok{};
}

}  // namespace

Result<Ok> CoreSettings::set(const ipvs::Handler& core, const std::vector<Sysctl>& wanted) {
  const auto there = core(ipvs::GetSettings{});
  if (!there) {
    return there.error();
  }
  std::map<std::string, uint32_t> now;
  for (const auto& setting : std::get<std::vector<ipvs::SettingStatus>>(*there)) {
    now[setting.name] = setting.value;
  }
  std::map<std::string, uint32_t> goal = std::exchange(before_, {});
  for (const auto& sysctl : wanted) {
    if (!is_of_core(sysctl)) {
      continue;
    }
    const std::string name = name_of(sysctl);
    const auto had = goal.find(name);
    before_[name] = had == goal.end() ? now[name] : had->second;
    goal[name] = static_cast<uint32_t>(std::stoul(sysctl.value));
  }
  std::optional<Error> failed;
  for (const auto& [name, value] : goal) {
    if (now[name] == value) {
      continue;
    }
    if (auto done = change(core, name, value); !done && !failed) {
      failed = done.error();
    }
  }
  return failed ? Result<Ok>(*failed) : Result<Ok>(Ok{});
}

}  // namespace lvs::lvsd::io
