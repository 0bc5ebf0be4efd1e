// The one list of what a configuration asks for and this version reads, checks and does not do yet.
// One warning each.
#pragma once

#include <string_view>

#include "common/config/diagnostic.h"
#include "common/config/model.h"

namespace lvs::config {

Diagnostics not_in_effect(const Config& config, std::string_view file = "");

}  // namespace lvs::config
