// Whether what pulse promised outlives it and a boot: it answers at once, and a child of it writes.
#pragma once

#include <boost/json/object.hpp>
#include <string>

namespace lvs::lvsctl {

// By its status. A pulse that tells nothing of it is an older one.
bool is_kept(const boost::json::object& status);
// What "hold" or "release" means as long as it is not. `status`: after the time that a retry takes.
std::string not_kept(const std::string& what, const boost::json::object& status);
// The same for the page of the status; empty: all is written.
std::string not_kept(const boost::json::object& status);

}  // namespace lvs::lvsctl
