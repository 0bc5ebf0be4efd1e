// What an administrator can do about an error of the kernel's ip_vs. Its errno says little ("No
// such file or directory" for a scheduler whose module is not loaded); which request met it says
// more.
#pragma once

#include <string>

#include "common/ipvs/request.h"

namespace lvs::lvsd {

// One sentence, or nothing where the error speaks for itself. `code`: the errno that ip_vs answered
// (net/netfilter/ipvs/ip_vs_ctl.c).
std::string kernel_advice(const ipvs::Request& request, int code);

}  // namespace lvs::lvsd
