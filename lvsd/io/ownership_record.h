// What is ours in a core, as the reconciler had it saved in the run directory (common/io/run_dir):
// one thing a line, e.g. "tcp 192.0.2.1 80", "mark 80 4", "daemon master eth0 7". What is not in it
// belongs to somebody else and is never taken away. Each core has its own record: who changes from
// one to the other does not own in it what had the same name in the other.
#pragma once

#include <string>

#include "common/config/model.h"
#include "common/result.h"
#include "lvsd/owned.h"

namespace lvs::lvsd::io {

// A record that is missing is empty; a line that cannot be read is left out (what it named counts
// as foreign).
Owned load_owned(const std::string& dir, config::CoreKind core);
Result<Ok> save_owned(const std::string& dir, config::CoreKind core, const Owned& owned);
void forget_owned(const std::string& dir, config::CoreKind core);

}  // namespace lvs::lvsd::io
