// Whether a core serves in this network namespace, as far as anybody may see: the device of the
// embedded core, or services in the table of the kernel's.
#pragma once

namespace lvs::lvsctl {

bool is_core_here();

}  // namespace lvs::lvsctl
