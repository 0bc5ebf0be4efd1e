// keepalived.conf: its virtual servers become services; its VRRP instances say on which devices
// the addresses float, who the directors are, and how fast they notice each other's end. All
// addresses of a pair move together here.
#pragma once

#include <string>

#include "tools/lvsctl/import/draft.h"

namespace lvs::lvsctl::foreign {

Draft read_keepalived(const std::string& text, const Hints& hints);

}  // namespace lvs::lvsctl::foreign
