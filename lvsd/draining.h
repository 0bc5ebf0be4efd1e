// Servers that left the configuration of a service that is still there: they keep their connections
// for the service's `drain`, or until none is left.
#pragma once

#include "lvsd/events.h"

namespace lvs::lvsd {

// A service was `before` and is `after` now; nullptr: was not, or is not, there. Whether a server
// began to drain.
bool drain_leaving(const ipvs::ServiceKey& key, const config::VirtualService* before,
                   const config::VirtualService* after, TimePoint now, Draining& draining,
                   Actions& actions);

// Of what the table holds of our services at start: servers that left the configuration while no
// lvsd ran. Whether one began to drain.
bool drain_left_behind(const ActiveServices& services, const Owned& owned,
                       const ipvs::Table& actual, TimePoint now, Draining& draining,
                       Actions& actions);

// Takes out those that have drained. Gives their services.
std::set<ipvs::ServiceKey> end_draining(const std::map<ServerId, uint32_t>& connections,
                                        TimePoint now, Draining& draining, Actions& actions);

}  // namespace lvs::lvsd
