// The folder of this network namespace, /run/lvs/INODE: the daemons' sockets, and what must survive
// the daemons but not a boot. Two directors on one machine, each in its namespace, share /run and
// never meet. Only root makes names in it; the group lvs may enter, to ask for the status.
#pragma once

#include <string>

#include "common/result.h"

namespace lvs::io {

// Where it is, or would be.
Result<std::string> run_dir_path();

// Made if it is not there, mode 0750, or 0700 where the machine has no group lvs. The number of a
// namespace that is gone may be given to another one: what that one left is taken away first, as
// are the folders of namespaces in which nobody lives any more.
Result<std::string> run_dir();

}  // namespace lvs::io
