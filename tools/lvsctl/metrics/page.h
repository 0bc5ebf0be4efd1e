// `lvsctl metrics`: what both daemons say of themselves, as metrics. Those of the table have the
// names and labels of Prometheus' node_exporter, so that its dashboards work with either core; the
// others begin with lvs_. A field that is missing is left out. Labels are what the configuration
// names (services, servers, addresses, paths) and words of closed lists, and never a reason or what
// a stranger sent: the number of series is bounded by lvs.cf.
#pragma once

#include <string>

#include "tools/lvsctl/status.h"

namespace lvs::lvsctl {

std::string metrics_page(const Answer& pulse, const Answer& lvsd);

}  // namespace lvs::lvsctl
