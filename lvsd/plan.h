// From the table that is to the table that is wanted, as operations. No state: plan(actual,
// desired, owned).
//
// Laws, each a property test: applying the plan gives the desired table; a second plan is empty; a
// service that is neither wanted nor owned is left alone; after any prefix of the plan the table
// still makes sense (no server without its service). Deletes come before adds, a service before its
// servers.
#pragma once

#include <set>
#include <vector>

#include "common/ipvs/request.h"

namespace lvs::lvsd {

// `owned`: the services that this suite made or took over, and may therefore delete.
std::vector<ipvs::Request> plan(const ipvs::Table& actual, const ipvs::Table& desired,
                                const std::set<ipvs::ServiceKey>& owned);

// One service of it that is wanted.
void plan_service(const ipvs::ServiceKey& key, const ipvs::Entry& wanted, const ipvs::Table& actual,
                  std::vector<ipvs::Request>& ops);

// The part of it that is about the services in `only`.
std::vector<ipvs::Request> plan(const ipvs::Table& actual, const ipvs::Table& desired,
                                const std::set<ipvs::ServiceKey>& owned,
                                const std::set<ipvs::ServiceKey>& only);

// What a core's table looks like once it has done `request`; false when the core would refuse it
// (and the table stays as it is). Requests that do not change the table are true.
bool apply_op(const ipvs::Request& request, ipvs::Table& table);

}  // namespace lvs::lvsd
