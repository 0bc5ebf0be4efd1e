// The addresses that this director's devices have now, in its network namespace.
#pragma once

#include <set>

#include "common/address.h"
#include "common/result.h"

namespace lvs::lvsd::io {

Result<std::set<Address>> own_addresses();

}  // namespace lvs::lvsd::io
