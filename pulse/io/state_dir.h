// What must outlive a boot: files under /var/lib/lvs/pulse. Written by a child process
// (common/io/background_file.h), read only at start. They are named after the pair and the node:
// two directors of one machine may share the folder.
#pragma once

#include <string>

#include "pulse/settings.h"

namespace lvs::pulse {

// Of whoever is a director here.
std::string names_file();
// `what`: the end of its name.
std::string state_file(const Settings& settings, const std::string& what);

}  // namespace lvs::pulse
