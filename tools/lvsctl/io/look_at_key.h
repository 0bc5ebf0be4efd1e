// What stat(2) says of a key file.
#pragma once

#include "common/heartbeat_key.h"

namespace lvs::lvsctl {

KeyFile look_at_key(const std::string& path);

}  // namespace lvs::lvsctl
