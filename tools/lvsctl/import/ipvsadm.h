// What `ipvsadm -S` or ipvsadm-save wrote: a table of services and servers, and nothing of how the
// servers are checked, on which devices the addresses float, or who the directors are. The grammar
// is lvsadm's own.
#pragma once

#include <string>

#include "tools/lvsctl/import/draft.h"

namespace lvs::lvsctl::foreign {

Draft read_ipvsadm(const std::string& text, const Hints& hints);

}  // namespace lvs::lvsctl::foreign
