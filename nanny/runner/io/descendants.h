// The processes below us. As a child subreaper we get back every one that loses its parent,
// whatever session or group it has made for itself, so ending children until there are none left
// ends all.
#pragma once

#include <sys/types.h>

#include <functional>
#include <vector>

namespace lvs::nanny::runner::io {

std::vector<pid_t> children_of(pid_t parent);  // From /proc.

// SIGKILL to each child that is not `spared`.
void kill_children(const std::function<bool(pid_t)>& spared);

}  // namespace lvs::nanny::runner::io
