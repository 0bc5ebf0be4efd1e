// Watches one run of one script from a process of its own, which the runner forks for it: starts
// it, reads what it prints, ends it at its time limit with everything that it has started, and
// tells nanny. SIGTERM (the run was cancelled, or the runner is dead) ends it without a word.
//
// One process a run, because a process that has left its group and lost its parent can be told from
// those of other runs only by whose descendant it is: it comes to the supervisor.
#pragma once

#include "nanny/runner/runs.h"

namespace lvs::nanny::runner::io {

// In the forked child: `runner` is its parent. Returns when nothing of the script is left.
void supervise(RunId run, const Script& script, int nanny, pid_t runner);

}  // namespace lvs::nanny::runner::io
