// Words of keepalived.conf that nothing here reads: those that need no counterpart are passed over,
// of the others is told what to do instead.
#pragma once

#include "tools/lvsctl/import/keepalived_tree.h"

namespace lvs::lvsctl::foreign {

std::string named(const Statement& statement);  // "vrrp_script (to line 12)"
void tell_of(const Statement& statement, Draft& draft);

}  // namespace lvs::lvsctl::foreign
