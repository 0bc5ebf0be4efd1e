// Whether a switchover that pulse agreed to has come about: judged from its status before and
// since.
#pragma once

#include <boost/json/object.hpp>
#include <optional>
#include <string>

#include "tools/lvsctl/outcome.h"

namespace lvs::lvsctl {

class Switchover {
 public:
  explicit Switchover(const boost::json::object& status_before);
  // Nothing: it is under way.
  std::optional<Outcome> judge(const boost::json::object& status);

 private:
  bool gives_away_;
  std::string peer_;         // "backup"
  bool has_waited_ = false;  // For it to serve as much as we do.
};

}  // namespace lvs::lvsctl
