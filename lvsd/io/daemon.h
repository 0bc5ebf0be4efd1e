// lvsd as it runs: parts put together, control requests answered, signals turned into events.
#pragma once

#include "lvsd/options.h"

namespace lvs::lvsd::io {

int run_daemon(const Options& options);  // Each returns the exit status.
int run_check(const Options& options);
int run_plan(const Options& options);
int run_core(const Options& options);
int run_core_remove(const Options& options);

}  // namespace lvs::lvsd::io
