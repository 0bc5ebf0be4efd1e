// The rules that hold between keys. parse() applies them after all blocks are read; a tool that
// builds or edits a Config can apply them to the value.
#pragma once

#include <string_view>

#include "common/config/diagnostic.h"
#include "common/config/model.h"

namespace lvs::config {

Diagnostics validate(const Config& config, std::string_view file = "");

}  // namespace lvs::config
