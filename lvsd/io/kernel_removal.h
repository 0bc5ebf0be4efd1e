// Takes what is ours out of the kernel's ip_vs, for a director that is stopped: the services and
// sync daemons of lvsd's record. What is not there any more is no error, nor is an ip_vs that is
// not loaded; nothing is asked of it when the record is empty.
#pragma once

#include <string>

#include "common/result.h"

namespace lvs::lvsd::io {

Result<Ok> remove_from_kernel(const std::string& run_dir);

}  // namespace lvs::lvsd::io
