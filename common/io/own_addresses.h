// The addresses that this machine's devices have now, in its network namespace.
#pragma once

#include <set>

#include "common/address.h"
#include "common/result.h"

namespace lvs::io {

Result<std::set<Address>> own_addresses();

}  // namespace lvs::io
