// Whether a core is in this network namespace, as far as anybody may see: the device of the
// embedded core, or services in the table of the kernel's. Whether the embedded one is armed only
// root sees.
#pragma once

#include "tools/lvsctl/status.h"

namespace lvs::lvsctl {

CoreHere core_here();

}  // namespace lvs::lvsctl
