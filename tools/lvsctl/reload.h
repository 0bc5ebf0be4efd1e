// Whether both daemons have read lvs.cf again, as they were told, and what they made of it: judged
// from their status before and since. One that was started again meanwhile has read it as well.
// Both are to run the same file, so they are told nothing when one of them would refuse it alone.
#pragma once

#include <boost/json/object.hpp>
#include <optional>

#include "common/result.h"
#include "tools/lvsctl/outcome.h"

namespace lvs::lvsctl {

// From their answers to "plan"; nothing: both would take the file, or none would. A pulse that does
// not answer this has not begun yet, and refuses nothing.
std::optional<Outcome> refusal_by_one(const Result<boost::json::object>& pulse,
                                      const Result<boost::json::object>& lvsd);

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
