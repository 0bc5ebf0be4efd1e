// `lvsadm --trace` at work: until it is stopped, has shown enough, or the core is gone.
#pragma once

#include "lvsd/core/io/trace.h"
#include "tools/lvsadm/options.h"

namespace lvs::lvsadm {

int run_trace(core::Trace& trace, const Trace& wanted);  // The exit status.

}  // namespace lvs::lvsadm
