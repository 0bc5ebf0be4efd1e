// What lvsd knows, as JSON: the answer to {"do":"status"} (docs in lvsd(8), shown by lvsctl).
#pragma once

#include <boost/json/object.hpp>

#include "lvsd/io/plane.h"
#include "lvsd/reconciler.h"

namespace lvs::lvsd::io {

// Reads the table afresh for weights and connections.
boost::json::object status_of(const Reconciler& reconciler, Plane& plane, TimePoint now);

}  // namespace lvs::lvsd::io
