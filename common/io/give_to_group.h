// A file or socket of ours that members of a group may use. Root needs CAP_CHOWN only for what it
// gives to others: a group that it belongs to itself, for the moment, will do.
#pragma once

#include <sys/types.h>

#include <string>

namespace lvs::io {

// To root and this group. False with errno.
bool give_to_group(const std::string& path, gid_t group);

}  // namespace lvs::io
