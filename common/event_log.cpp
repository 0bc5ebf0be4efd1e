#include "common/event_log.h"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cerrno>

#include "common/utf8.h"

namespace lvs {
namespace {

namespace json = boost::json;

constexpr std::pair<Level, const char*> kLevels[] = {
    {Level::notice, "notice"}, {Level::warning, "warning"}, {Level::error, "error"}};

const char* name(Level level) {
  const auto* known = std::find_if(std::begin(kLevels), std::end(kLevels),
                                   [=](const auto& each) { return each.first == level; });
  return known == std::end(kLevels) ? "notice" : known->second;
}

std::optional<Level> level_of(std::string_view word) {
  const auto* known = std::find_if(std::begin(kLevels), std::end(kLevels),
                                   [=](const auto& each) { return word == each.second; });
  return known == std::end(kLevels) ? std::nullopt : std::optional(known->first);
}

// It may be a server's answer: bytes that are no text have no place in a line of JSON.
std::string tamed(std::string value) {
  value.resize(std::min(value.size(), kEventValueMax));
  std::replace_if(
      value.begin(), value.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return value;
}

template <typename T>
std::optional<T> number_at(const json::object& object, const char* field) {
  const json::value* value = object.if_contains(field);
  boost::system::error_code error;
  const T number = value == nullptr ? T{} : value->to_number<T>(error);
  return value == nullptr || error ? std::nullopt : std::optional(number);
}

std::optional<std::string> text_at(const json::object& object, const char* field) {
  const json::value* value = object.if_contains(field);
  return value != nullptr && value->is_string() ? std::optional(std::string(value->get_string()))
                                                : std::nullopt;
}

}  // namespace

std::optional<EventLog::Entry> event_from(const json::value& line) {
  if (!line.is_object()) {
    return std::nullopt;
  }
  const json::object& object = line.get_object();
  const auto serial = number_at<uint64_t>(object, "serial");
  const auto at_ms = number_at<int64_t>(object, "at_ms");
  const auto level = level_of(text_at(object, "level").value_or(""));
  const auto event = text_at(object, "event");
  const json::value* fields = object.if_contains("fields");
  if (!serial || !at_ms || !level || !event || fields == nullptr || !fields->is_object()) {
    return std::nullopt;
  }
  EventLog::Entry entry{*serial, *at_ms, {*level, *event, "", {}}};
  for (const auto& field : fields->get_object()) {
    if (!field.value().is_string()) {
      return std::nullopt;
    }
    entry.event.fields.emplace_back(field.key(), field.value().get_string());
  }
  return entry;
}

void EventLog::add(const LogEvent& event, int64_t at_ms) {
  Entry entry{last_serial_ + 1, at_ms, {event.level, event.event, "", {}}};
  for (const auto& [key, value] : event.fields) {
    if (entry.event.fields.size() < kEventFieldsMax) {
      entry.event.fields.emplace_back(key, tamed(value));
    }
  }
  append(std::move(entry));
}

void EventLog::append(Entry entry) {
  last_serial_ = entry.serial;
  entries_.push_back(std::move(entry));
  if (entries_.size() > kEventsMax) {
    entries_.pop_front();
  }
}

std::vector<EventLog::Entry> EventLog::after(uint64_t serial) const {
  const auto first = std::find_if(entries_.begin(), entries_.end(),
                                  [=](const Entry& entry) { return entry.serial > serial; });
  return {first, entries_.end()};
}

Result<EventLog> EventLog::read(std::string_view text) {
  EventLog log;
  for (int line = 1; !text.empty(); ++line) {
    const size_t end = text.find('\n');
    boost::system::error_code error;
    const json::value value = json::parse(text.substr(0, end), error);
    auto entry = error || end == std::string_view::npos ? std::nullopt : event_from(value);
    if (!entry || entry->serial <= log.last_serial_) {
      return Error{EINVAL, "line " + std::to_string(line) + " is no event"};
    }
    log.append(*std::move(entry));
    text.remove_prefix(end + 1);
  }
  return log;
}

json::object to_json(const EventLog::Entry& entry) {
  json::object fields;
  for (const auto& [key, value] : entry.event.fields) {
    fields[key] = value;
  }
  return {{"serial", entry.serial},
          {"at_ms", entry.at_ms},
          {"level", name(entry.event.level)},
          {"event", entry.event.event},
          {"fields", std::move(fields)}};
}

std::string to_text(const EventLog& log) {
  std::string text;
  for (const EventLog::Entry& entry : log.entries()) {
    text += escape_what_is_not_utf8(json::serialize(to_json(entry))) + "\n";
  }
  return text;
}

}  // namespace lvs
