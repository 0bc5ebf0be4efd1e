// A check script from fork to exec: its user, its limits, its streams. What goes wrong before the
// script runs comes out of `trouble`, which is silent once it runs.
#pragma once

#include <sys/types.h>

#include <string>

#include "common/io/unique_fd.h"
#include "common/result.h"
#include "nanny/runner/runs.h"

namespace lvs::nanny::runner::io {

// Of each process of a script, but for the first, which counts all processes of its user.
constexpr unsigned kScriptProcessesMax = 512;
constexpr unsigned kScriptFilesMax = 1024;
constexpr unsigned long kScriptMemoryMax = 1UL << 30;     // Bytes of data.
constexpr unsigned long kScriptFileSizeMax = 64UL << 20;  // Bytes of a file that it writes.

struct ScriptProcess {
  pid_t pid = -1;            // Leader of its own process group.
  lvs::io::UniqueFd output;  // Standard output, and ...
  lvs::io::UniqueFd errors;  // ... standard error, both not blocking.
  lvs::io::UniqueFd trouble;
};
Result<ScriptProcess> start_script(const Script& script);

// How it ended before it ran, if it did; to be asked when the process is gone.
std::optional<ScriptEnd> read_trouble(const Script& script, int trouble);

}  // namespace lvs::nanny::runner::io
