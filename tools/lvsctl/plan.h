// `lvsctl plan`: the answers of both daemons as text. Good: both would take a reload, and the core
// could serve all of it.
#pragma once

#include <boost/json/object.hpp>
#include <string>

namespace lvs::lvsctl {

struct PlanPage {
  std::string text;
  bool good = false;
};

// lvsd's answer, with pulse's "refusals" among its fields, where pulse runs.
PlanPage plan_page(const boost::json::object& answer);

}  // namespace lvs::lvsctl
