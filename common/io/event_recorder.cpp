#include "common/io/event_recorder.h"

#include <unistd.h>

#include <boost/json/array.hpp>
#include <chrono>

#include "common/io/log_sink.h"
#include "common/io/read_file.h"

namespace lvs::io {
namespace {

namespace json = boost::json;

int64_t milliseconds_of_the_epoch() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

Result<EventLog> load(const std::string& file) {
  const auto text = read_file(file, kEventsTextMax);
  if (!text) {
    return text.error().code == ENOENT ? Result<EventLog>(EventLog{}) : text.error();
  }
  return EventLog::read(*text);
}

}  // namespace

std::string events_file(const std::string& daemon) {
  return "/var/lib/lvs/events/" + daemon;
}

EventRecorder::EventRecorder(boost::asio::io_context& io, const std::string& file)
    : file_(io, file, [this] { return to_text(log_); }) {
  auto loaded = load(file);
  if (loaded) {
    log_ = *std::move(loaded);
  }
  hear_log([this](const LogEvent& event) {
    if (EventLog::is_kept(event)) {
      log_.add(event, milliseconds_of_the_epoch());
      file_.changed();
    }
  });
  if (!loaded) {
    log({Level::warning,
         "events-unreadable",
         "",
         {{"file", file}, {"error", loaded.error().what}, {"action", "begun anew"}}});
  }
}

EventRecorder::~EventRecorder() {
  hear_log(nullptr);
}

json::object EventRecorder::answer(const json::object& request) const {
  const json::value* after = request.if_contains("after");
  boost::system::error_code error;
  const auto serial = after == nullptr ? 0 : after->to_number<uint64_t>(error);
  json::array events;
  for (const auto& entry : log_.after(error ? 0 : serial)) {
    events.emplace_back(to_json(entry));
  }
  return {{"events", std::move(events)}, {"last", log_.last_serial()}, {"pid", ::getpid()}};
}

}  // namespace lvs::io
