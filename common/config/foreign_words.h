// Words of other load balancers' files, and what they are called in an lvs.cf: who comes from there
// writes them by habit, and the nearest word of ours may mean something else.
#pragma once

#include <string>
#include <string_view>

namespace lvs::config {

// "that is keepalived's: here it is scheduler"; empty: nobody's that is known.
std::string foreign_hint(std::string_view word);

}  // namespace lvs::config
