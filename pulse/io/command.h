// active_cmd and inactive_cmd: started without a shell and not waited for, apart from the arbiter's
// priority, session, signals and descriptors.
#pragma once

#include <string>
#include <vector>

#include "common/result.h"

namespace lvs::pulse {

// Words are separated by blanks; quotes keep blanks together. ("a 'b c'" -> a, b c)
std::vector<std::string> words_of(const std::string& command);
Result<Ok> start_command(const std::string& command);
// Ended commands leave no zombies. Once, at start.
void reap_commands_unseen();

}  // namespace lvs::pulse
