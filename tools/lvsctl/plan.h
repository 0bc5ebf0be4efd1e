// `lvsctl plan`: lvsd's answer as text. Good: a reload would be taken, and the core could serve all
// of it.
#pragma once

#include <boost/json/object.hpp>
#include <string>

namespace lvs::lvsctl {

struct PlanPage {
  std::string text;
  bool good = false;
};

PlanPage plan_page(const boost::json::object& answer);

}  // namespace lvs::lvsctl
