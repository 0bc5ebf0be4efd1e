// Where daemons keep what must survive them but not a boot: /run/lvs/NS, where NS is the cookie of
// the network namespace. Two directors on one machine (each in its namespace) share /run and never
// meet.
#pragma once

#include <string>

#include "common/result.h"

namespace lvs::io {

Result<std::string> run_dir();  // Made if it is not there, mode 0700.

}  // namespace lvs::io
