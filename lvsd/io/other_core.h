// lvs.cf names another core than before: what lvsd made in the one that it left is taken away, or
// it would go on forwarding beside the new one, by a table that nobody keeps.
#pragma once

#include <string>

#include "common/config/model.h"
#include "common/result.h"

namespace lvs::lvsd::io {

// Nothing is asked of a core in which nothing of ours is known.
Result<Ok> leave_other_core(config::CoreKind chosen, const std::string& run_dir);

}  // namespace lvs::lvsd::io
