#include "tools/lvsctl/reload.h"

#include <boost/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "tools/lvsctl/few_lines.h"

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

std::vector<std::string> texts_at(const json::object& object, const char* field) {
  std::vector<std::string> texts;
  const json::value* list = object.if_contains(field);
  if (list != nullptr && list->is_array()) {
    for (const auto& text : list->get_array()) {
      texts.push_back(text.is_string() ? std::string(text.get_string()) : json::serialize(text));
    }
  }
  return texts;
}

std::string in_lines(const std::string& first, const std::vector<std::string>& others) {
  std::string text = first;
  for (const std::string& other : few_lines(others, "lvsctl check has them all")) {
    text += "\n" + other;
  }
  return text;
}

bool has_read_again(const json::object& before, const json::object& now) {
  return text_at(before, "pid") != text_at(now, "pid") ||
         text_at(before, "reloads") != text_at(now, "reloads");
}

}  // namespace

std::optional<Outcome> refusal_by_one(const Result<json::object>& pulse,
                                      const Result<json::object>& lvsd) {
  const auto of_pulse = pulse ? texts_at(*pulse, "refusals") : std::vector<std::string>{};
  const std::string of_lvsd = lvsd ? text_at(*lvsd, "refused") : lvsd.error().what;
  if (of_pulse.empty() == of_lvsd.empty()) {
    return std::nullopt;
  }
  const std::string who = of_lvsd.empty() ? "pulse" : "lvsd";
  return Outcome{false, in_lines("refused by " + who + "; neither daemon was told to reload:",
                                 of_lvsd.empty() ? of_pulse : std::vector{of_lvsd})};
}

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
  std::vector<std::string> errors;
  for (const std::string& error : texts_at(pulse, "reload_errors")) {
    add_lines(error, errors);
  }
  const bool does_pulse_refuse = !errors.empty();
  const std::string of_lvsd = text_at(lvsd, "reload_error");
  add_lines(of_lvsd, errors);
  if (errors.empty()) {
    return Outcome{true, "reloaded: serial " + text_at(pulse, "config_serial") + " runs"};
  }
  const char* refusal =
      of_lvsd.empty()      ? "refused by pulse, which goes on as before; lvsd has taken the file:"
      : !does_pulse_refuse ? "refused by lvsd, which goes on as before; pulse has taken the file:"
                           : "refused, the configuration that ran goes on:";
  return Outcome{false, in_lines(refusal, errors)};
}

}  // namespace lvs::lvsctl
