// `lvsctl key` with the machine's random bytes, files and addresses.
#pragma once

#include <optional>
#include <string>

#include "common/io/read_file.h"
#include "tools/lvsctl/key.h"

namespace lvs::lvsctl {

// Makes the key file that the configuration names, or the second one, and returns what to tell the
// operator. Without a configuration, neither given nor at default_config yet, it is the default key
// file.
Result<std::string> make_key(const std::optional<std::string>& config_file, WhichKey which,
                             io::Existing existing, const std::string& default_config);

}  // namespace lvs::lvsctl
