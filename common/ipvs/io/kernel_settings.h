// The settings of the kernel's ip_vs: files below /proc/sys/net/ipv4/vs, each of this network
// namespace. Those that are no single number (sync_threshold) are left out.
#pragma once

#include "common/ipvs/request.h"
#include "common/result.h"

namespace lvs::ipvs::io {

// ENOENT: ip_vs has no such setting, or is not loaded.
Result<Reply> set_kernel_setting(const SetSetting& request);
Result<Reply> kernel_settings();

}  // namespace lvs::ipvs::io
