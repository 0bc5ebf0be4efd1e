// ldirectord.cf: global assignments, and virtual= lines with indented ones below them.
#pragma once

#include <string>

#include "tools/lvsctl/import/draft.h"

namespace lvs::lvsctl::foreign {

Draft read_ldirectord(const std::string& text, const Hints& hints);

}  // namespace lvs::lvsctl::foreign
