// What must outlive a boot: files under /var/lib/lvs/pulse. Written by a child process, since the
// arbiter must not wait for a disk; read only at start. They are named after the pair and the node:
// two directors of one machine may share the folder.
#pragma once

#include <string>

#include "common/result.h"
#include "pulse/settings.h"

namespace lvs::pulse {

// Of whoever is a director here.
std::string names_file();
// `what`: the end of its name.
std::string state_file(const Settings& settings, const std::string& what);
// Returns at once. That the file could not be written is said in the log by the child.
Result<Ok> write_in_background(const std::string& file, const std::string& text);

}  // namespace lvs::pulse
