// What the suite says to its operator, as values. Cores hand LogEvents out as actions; only
// common/io/log_sink writes them. A line is: the marker (words that administrators of Piranha grep
// for, when there is one), a stable event name, and key=value fields, e.g.
//   partner dead: activating lvs event=takeover from=standby to=active silent_ms=300
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace lvs {

enum class Level { debug, info, notice, warning, error };

struct LogEvent {
  Level level = Level::info;
  std::string event;   // Stable, lower-case with dashes: "takeover".
  std::string marker;  // Piranha's words, or empty.
  std::vector<std::pair<std::string, std::string>> fields;

  bool operator==(const LogEvent&) const = default;
};

// The line without time, program and level. Values with blanks, quotes or control bytes are quoted
// and escaped.
std::string to_line(const LogEvent& event);

}  // namespace lvs
