// Which services are ours, as the reconciler had it saved in the run directory (common/io/run_dir):
// one a line, e.g. "tcp 192.0.2.1 80", "mark 80 4". What is not in it belongs to somebody else and
// is never deleted.
#pragma once

#include <set>
#include <string>

#include "common/ipvs/types.h"
#include "common/result.h"

namespace lvs::lvsd::io {

// A record that is missing is empty; a line that cannot be read is left out (its service counts as
// foreign).
std::set<ipvs::ServiceKey> load_owned(const std::string& dir);
Result<Ok> save_owned(const std::string& dir, const std::set<ipvs::ServiceKey>& owned);
void forget_owned(const std::string& dir);

}  // namespace lvs::lvsd::io
