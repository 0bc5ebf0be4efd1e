// The host names of a configuration, looked up as the system does. May block on DNS: for commands.
// Daemons use name_lookup.h.
#pragma once

#include <optional>
#include <string_view>

#include "common/address.h"

namespace lvs::io {

std::optional<Address> resolve(std::string_view name);

}  // namespace lvs::io
