// Host and service names from the system's resolver, /etc/hosts and /etc/services.
#pragma once

#include "tools/lvsadm/options.h"
#include "tools/lvsadm/print.h"

namespace lvs::lvsadm {

Resolver system_resolver();
Names system_names();

}  // namespace lvs::lvsadm
