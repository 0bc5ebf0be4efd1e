// `lvsctl events`: what both daemons remember, as lines in the order of time; and what of a
// daemon's answers is new to a reader that goes on asking.
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <vector>

#include "common/event_log.h"
#include "tools/lvsctl/check.h"

namespace lvs::lvsctl {

struct Happened {
  std::string daemon;
  EventLog::Entry entry;
};

// A line each: "2026-11-28 21:10:05.123 pulse takeover from=standby to=active", or an object.
std::string events_text(std::vector<Happened> all, Format format);

class EventReader {
 public:
  explicit EventReader(std::string daemon) : daemon_(std::move(daemon)) {}
  boost::json::object question() const;
  std::vector<Happened> news(const boost::json::object& answer);
  // From the daemon's file, where it does not run.
  std::vector<Happened> all_of(const EventLog& log) const;
  const std::string& daemon() const { return daemon_; }

 private:
  std::string daemon_;
  uint64_t last_ = 0;
  int64_t last_at_ms_ = 0;
  int64_t pid_ =
      0;  // Another process may have lost the newest serial numbers, and give them again.
};

}  // namespace lvs::lvsctl
