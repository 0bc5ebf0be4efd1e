// What lvsd knows, as JSON: the answer to {"do":"status"} (docs in lvsd(8), shown by lvsctl).
#pragma once

#include <boost/json/object.hpp>

#include "lvsd/io/plane.h"
#include "lvsd/reconciler.h"

namespace lvs::lvsd::io {

// Reads the table afresh for weights and connections.
boost::json::object status_of(const Reconciler& reconciler, Plane& plane, TimePoint now);

// The services and servers that are kept as the configuration has them, with the lines that say so:
// the answer to {"do":"kept"}, for lvsadm.
boost::json::object kept_by(const Reconciler& reconciler, const std::string& core,
                            const std::string& file);

}  // namespace lvs::lvsd::io
