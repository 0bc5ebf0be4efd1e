// Listings for programs: every value with its unit in its name, numbers as numbers, nothing
// shortened.
#pragma once

#include <string>
#include <vector>

#include "tools/lvsadm/print.h"

namespace lvs::lvsadm {

std::string json_text(const ipvs::Info& info, const std::vector<ListedService>& table);
std::string json_text(const std::vector<ipvs::Connection>& connections);
std::string json_text(const ipvs::Timeouts& timeouts);
std::string json_text(const std::vector<ipvs::SyncDaemon>& daemons);
std::string json_text(const std::vector<ipvs::DropCounter>& drops);
std::string json_text(const std::vector<ipvs::SettingStatus>& settings);
std::string json_text(const std::vector<ipvs::DeniedPrefix>& denied);

}  // namespace lvs::lvsadm
