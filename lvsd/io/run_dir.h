// Where lvsd keeps what must survive it but not a boot: /run/lvs/NS, where NS is the cookie of the
// network namespace. Two directors on one machine (each in its namespace) share /run and never
// meet.
#pragma once

#include <set>
#include <string>

#include "common/ipvs/types.h"
#include "common/result.h"

namespace lvs::lvsd::io {

Result<std::string> run_dir();
Result<std::string> make_run_dir();  // Mode 0700.

// Which services are ours, as the reconciler had it saved: one a line, e.g. "tcp 192.0.2.1 80",
// "mark 80 4". A record that is missing is empty; a line that cannot be read is left out (its
// service counts as foreign).
std::set<ipvs::ServiceKey> load_owned(const std::string& dir);
Result<Ok> save_owned(const std::string& dir, const std::set<ipvs::ServiceKey>& owned);
void forget_owned(const std::string& dir);

}  // namespace lvs::lvsd::io
