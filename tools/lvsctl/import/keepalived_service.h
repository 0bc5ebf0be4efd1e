// virtual_server blocks of keepalived.conf, and the groups that they may name.
#pragma once

#include <map>
#include <string>

#include "tools/lvsctl/import/keepalived_tree.h"

namespace lvs::lvsctl::foreign {

using Groups = std::map<std::string, const Statement*>;

// Adds its services. Their floating addresses have no device yet.
void read_virtual_server(const Statement& statement, const Groups& groups, const Hints& hints,
                         Draft& draft);

}  // namespace lvs::lvsctl::foreign
