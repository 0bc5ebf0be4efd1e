#include "tools/lvsctl/events.h"

#include <algorithm>
#include <boost/json.hpp>
#include <cstdio>
#include <ctime>

namespace lvs::lvsctl {
namespace {

namespace json = boost::json;

std::string time_text(int64_t at_ms, Format format) {
  const std::time_t seconds = at_ms / 1000;
  std::tm parts{};
  format == Format::json ? ::gmtime_r(&seconds, &parts) : ::localtime_r(&seconds, &parts);
  char day_and_time[32];
  std::strftime(day_and_time, sizeof day_and_time,
                format == Format::json ? "%Y-%m-%dT%H:%M:%S" : "%Y-%m-%d %H:%M:%S", &parts);
  char text[48];
  std::snprintf(text, sizeof text, "%s.%03d%s", day_and_time, static_cast<int>(at_ms % 1000),
                format == Format::json ? "Z" : "");
  return text;
}

std::string line_of(const Happened& one, Format format) {
  const std::string time = time_text(one.entry.at_ms, format);
  if (format == Format::json) {
    json::object line{{"time", time}, {"daemon", one.daemon}};
    for (const auto& member : to_json(one.entry)) {
      line[member.key()] = member.value();
    }
    return json::serialize(line);
  }
  constexpr std::string_view kLead = "event=";
  std::string line = time + " " + one.daemon;
  line.resize(std::max(line.size(), time.size() + sizeof "pulse"), ' ');
  return line + " " + to_line(one.entry.event).substr(kLead.size());
}

int64_t number_at(const json::object& object, const char* field) {
  const json::value* value = object.if_contains(field);
  boost::system::error_code error;
  const auto number = value == nullptr ? 0 : value->to_number<int64_t>(error);
  return error ? 0 : number;
}

}  // namespace

std::string events_text(std::vector<Happened> all, Format format) {
  std::stable_sort(all.begin(), all.end(), [](const Happened& a, const Happened& b) {
    return a.entry.at_ms < b.entry.at_ms;
  });
  std::string text;
  for (const Happened& one : all) {
    text += line_of(one, format) + "\n";
  }
  return text;
}

json::object EventReader::question() const {
  return {{"do", "events"}, {"after", last_}};
}

std::vector<Happened> EventReader::news(const json::object& answer) {
  const int64_t pid = number_at(answer, "pid");
  if (pid_ != 0 && pid != pid_ && last_ != 0) {
    pid_ = pid;
    last_ = 0;
    return {};  // The next question asks for all; what was seen is left out below.
  }
  pid_ = pid;
  std::vector<Happened> news;
  const json::value* events = answer.if_contains("events");
  if (events == nullptr || !events->is_array()) {
    return news;
  }
  const bool is_asked_anew = last_ == 0;
  for (const json::value& each : events->get_array()) {
    if (const auto entry = event_from(each)) {
      last_ = entry->serial;
      if (!is_asked_anew || entry->at_ms > last_at_ms_) {
        news.push_back({daemon_, *entry});
      }
    }
  }
  for (const Happened& one : news) {
    last_at_ms_ = std::max(last_at_ms_, one.entry.at_ms);
  }
  return news;
}

std::vector<Happened> EventReader::all_of(const EventLog& log) const {
  std::vector<Happened> all;
  for (const EventLog::Entry& entry : log.entries()) {
    all.push_back({daemon_, entry});
  }
  return all;
}

}  // namespace lvs::lvsctl
