#include "tools/lvsctl/reload.h"

#include <boost/json.hpp>
#include <set>
#include <utility>

namespace lvs::lvsctl {
namespace {

namespace json = boost::json;

std::string text_at(const json::object& object, const char* field) {
  const json::value* value = object.if_contains(field);
  if (value == nullptr) {
    return "";
  }
  return value->is_string() ? std::string(value->get_string()) : json::serialize(*value);
}

bool has_read_again(const json::object& before, const json::object& now) {
  return text_at(before, "pid") != text_at(now, "pid") ||
         text_at(before, "reloads") != text_at(now, "reloads");
}

}  // namespace

Reload::Reload(json::object pulse_before, json::object lvsd_before)
    : pulse_before_(std::move(pulse_before)), lvsd_before_(std::move(lvsd_before)) {
}

std::optional<Outcome> Reload::judge(const json::object& pulse, const json::object& lvsd) const {
  if (!has_read_again(pulse_before_, pulse) || !has_read_again(lvsd_before_, lvsd)) {
    return std::nullopt;
  }
  if (text_at(pulse, "state") == "waiting") {
    return Outcome{false, "pulse waits: " + text_at(pulse, "reason")};
  }
  std::set<std::string> errors;
  if (const json::value* list = pulse.if_contains("reload_errors"); list && list->is_array()) {
    for (const auto& error : list->get_array()) {
      errors.insert(error.is_string() ? std::string(error.get_string()) : json::serialize(error));
    }
  }
  if (const std::string error = text_at(lvsd, "reload_error"); !error.empty()) {
    errors.insert(error);
  }
  if (errors.empty()) {
    return Outcome{true, "reloaded: serial " + text_at(pulse, "config_serial") + " runs"};
  }
  const bool taken_by_lvsd = text_at(lvsd, "reload_error").empty();
  std::string text = taken_by_lvsd
                         ? "refused by pulse, which goes on as before; lvsd has taken the file:"
                         : "refused, the configuration that ran goes on:";
  for (const std::string& error : errors) {
    text += "\n" + error;
  }
  return Outcome{false, text};
}

}  // namespace lvs::lvsctl
