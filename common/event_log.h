// What happened to a daemon, for an operator who comes later: the last of its log events from
// notice on, which are its transitions, who asked for what, and its alarms. A bounded list; each
// event has a serial number that rises, over restarts too, so that a reader can ask for what came
// after the last one it saw. As text, one JSON object a line.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/log.h"
#include "common/result.h"

namespace lvs {

constexpr size_t kEventsMax = 500;
constexpr size_t kEventFieldsMax = 16;
constexpr size_t kEventValueMax = 200;  // Bytes; more is cut.
constexpr size_t kEventsTextMax = 4 << 20;

class EventLog {
 public:
  struct Entry {
    uint64_t serial = 0;
    int64_t at_ms = 0;  // Since the epoch.
    LogEvent event;     // Without its marker; values printable and cut.
    bool operator==(const Entry&) const = default;
  };

  static bool is_kept(const LogEvent& event) { return event.level >= Level::notice; }

  void add(const LogEvent& event, int64_t at_ms);
  const std::deque<Entry>& entries() const { return entries_; }
  std::vector<Entry> after(uint64_t serial) const;
  uint64_t last_serial() const { return last_serial_; }

  static Result<EventLog> read(std::string_view text);

 private:
  void append(Entry entry);

  std::deque<Entry> entries_;
  uint64_t last_serial_ = 0;
};

std::string to_text(const EventLog& log);
// {"serial": 7, "at_ms": ..., "level": "notice", "event": "takeover", "fields": {"to": "active"}}
boost::json::object to_json(const EventLog::Entry& entry);
std::optional<EventLog::Entry> event_from(const boost::json::value& value);  // And back.

}  // namespace lvs
