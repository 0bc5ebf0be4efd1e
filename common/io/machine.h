// What this machine has of what checks of servers need.
#pragma once

#include <string>

namespace lvs::io {

bool has_user(const std::string& name);
bool has_sctp();  // Asking makes the kernel load it, where it may.

}  // namespace lvs::io
