// Keeps a daemon's event log (common/event_log.h): in memory, and in a file for its next life. It
// hears what is logged. A file that cannot be read is told and begun anew.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/json/object.hpp>
#include <string>

#include "common/event_log.h"
#include "common/io/background_file.h"

namespace lvs::io {

// Where the daemon "pulse" or "lvsd" keeps them.
std::string events_file(const std::string& daemon);

class EventRecorder {
 public:
  EventRecorder(boost::asio::io_context& io, const std::string& file);
  ~EventRecorder();
  EventRecorder(const EventRecorder&) = delete;
  EventRecorder& operator=(const EventRecorder&) = delete;

  // {"do": "events", "after": 7}: those after this serial number.
  boost::json::object answer(const boost::json::object& request) const;

 private:
  EventLog log_;
  BackgroundFile file_;
};

}  // namespace lvs::io
