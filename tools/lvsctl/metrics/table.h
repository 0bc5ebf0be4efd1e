// The part of the metrics that is about services and their servers.
#pragma once

#include <boost/json/object.hpp>

#include "tools/lvsctl/metrics/open_metrics.h"

namespace lvs::lvsctl {

void write_table(const boost::json::object& lvsd, OpenMetrics& out);

}  // namespace lvs::lvsctl
