// What the director must know again after its process was replaced: the term, in /run; and after a
// boot too: the peer's hardware addresses and the operator's hold, in the state folder
// (state_dir.h). A file that is
// missing or cannot be read counts as nothing kept.
#pragma once

#include <string>

#include "pulse/director.h"
#include "pulse/settings.h"

namespace lvs::pulse {

Kept load_kept(const std::string& run_dir, const Settings& settings);
Result<Ok> save_kept(const std::string& run_dir, const Kept& kept);
std::string file_beyond_boot(const Settings& settings);

std::string write_kept(const Kept& kept);
Kept read_kept(const std::string& text);

}  // namespace lvs::pulse
