// Whether both daemons have read lvs.cf again, as they were told, and what they made of it: judged
// from their status before and since. One that was started again meanwhile has read it as well.
#pragma once

#include <boost/json/object.hpp>
#include <optional>

#include "tools/lvsctl/outcome.h"

namespace lvs::lvsctl {

class Reload {
 public:
  Reload(boost::json::object pulse_before, boost::json::object lvsd_before);
  // Nothing: it is under way.
  std::optional<Outcome> judge(const boost::json::object& pulse,
                               const boost::json::object& lvsd) const;

 private:
  boost::json::object pulse_before_;
  boost::json::object lvsd_before_;
};

}  // namespace lvs::lvsctl
