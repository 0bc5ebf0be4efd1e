#include "tools/lvsctl/plan.h"

#include <boost/json.hpp>

namespace lvs::lvsctl {

namespace {

namespace json = boost::json;

std::string text_of(const json::value& value) {
  return value.is_string() ? std::string(value.get_string()) : json::serialize(value);
}

std::string lines_of(const json::object& answer, const char* field, const std::string& lead = "") {
  std::string text;
  const json::value* list = answer.if_contains(field);
  if (list != nullptr && list->is_array()) {
    for (const auto& line : list->get_array()) {
      text += lead + text_of(line) + "\n";
    }
  }
  return text;
}

}  // namespace

PlanPage plan_page(const json::object& answer) {
  const json::value* refused = answer.if_contains("refused");
  std::string refusal = refused == nullptr ? "" : text_of(*refused);
  if (refusal.empty()) {
    refusal = lines_of(answer, "refusals");
    refusal.erase(refusal.find_last_not_of('\n') + 1);
  }
  const std::string unsupported = lines_of(answer, "unsupported");
  const std::string changes = lines_of(answer, "differences", "lvs.cf: ") +
                              lines_of(answer, "addresses") + lines_of(answer, "settings") +
                              lines_of(answer, "operations");
  const bool good = refusal.empty() && unsupported.empty();
  if (!refusal.empty()) {
    return {unsupported + "a reload would be refused: " + refusal + "\n", good};
  }
  return {unsupported + (changes.empty() ? "nothing to change\n" : changes), good};
}

}  // namespace lvs::lvsctl
