// `lvsctl status`: what both daemons say of themselves, joined into one page. Each daemon's JSON is
// read field by field and a field that is missing is left out, so that a daemon of another version
// can still be looked at.
#pragma once

#include <boost/json/object.hpp>
#include <optional>
#include <string>

#include "common/silence.h"

namespace lvs::lvsctl {

// What a daemon answered, or why it did not.
struct Answer {
  std::optional<boost::json::object> status;
  std::string error;
  bool is_refused = false;  // It may well run: we may not ask.
  SilentDaemon silent = {};
};

// Whether a core is in this network namespace, with or without lvsd; idle: and is not armed.
enum class CoreHere { yes, idle, no };

enum class Condition {
  healthy = 0,
  degraded = 1,
  not_running = 3,
  unknown = 4
};  // The exit status of lvsctl status.

struct StatusPage {
  Condition condition = Condition::healthy;
  std::string text;
};

StatusPage status_page(const Answer& pulse, const Answer& lvsd, CoreHere core = CoreHere::yes);
std::string status_json(const Answer& pulse, const Answer& lvsd, Condition condition);

}  // namespace lvs::lvsctl
