// What the director must know again after its process was replaced, but not after a boot: the term
// and the peer's hardware addresses, in /run. A file that is missing or cannot be read counts as
// nothing kept.
#pragma once

#include <string>

#include "pulse/director.h"

namespace lvs::pulse {

Kept load_kept(const std::string& run_dir);
Result<Ok> save_kept(const std::string& run_dir, const Kept& kept);

std::string write_kept(const Kept& kept);
Kept read_kept(const std::string& text);

}  // namespace lvs::pulse
