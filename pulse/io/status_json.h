// The answer to {"do":"status"}: what the director says of itself, as JSON. Durations are
// milliseconds, names end in _ms.
#pragma once

#include <boost/json/object.hpp>

#include "pulse/status.h"

namespace lvs::pulse {

boost::json::object to_json(const Status& status);

}  // namespace lvs::pulse
