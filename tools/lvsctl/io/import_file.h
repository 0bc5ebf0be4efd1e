// `lvsctl import` with the machine's files and names.
#pragma once

#include "tools/lvsctl/arguments.h"

namespace lvs::lvsctl {

// 0: all was carried over; 1: not all of it; 2: nothing can be read or written.
int run_import(const Arguments& arguments);

}  // namespace lvs::lvsctl
