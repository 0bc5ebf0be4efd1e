#include "tools/lvsctl/metrics/open_metrics.h"

#include <array>
#include <charconv>

namespace lvs::lvsctl {
namespace {

const char* word(OpenMetrics::Type type) {
  switch (type) {
    case OpenMetrics::Type::counter:
      return "counter";
    case OpenMetrics::Type::gauge:
      return "gauge";
    case OpenMetrics::Type::info:
      return "info";
  }
  return "unknown";
}

const char* suffix(OpenMetrics::Type type) {
  switch (type) {
    case OpenMetrics::Type::counter:
      return "_total";
    case OpenMetrics::Type::info:
      return "_info";
    case OpenMetrics::Type::gauge:
      break;
  }
  return "";
}

void append_escaped(std::string& text, std::string_view value) {
  for (const char c : value) {
    if (c == '\n') {
      text += "\\n";
      continue;
    }
    if (c == '\\' || c == '"') {
      text += '\\';
    }
    text += c;
  }
}

}  // namespace

void OpenMetrics::family(std::string_view name, Type type, std::string_view help,
                         std::string_view unit) {
  const std::string start(name);
  text_ += "# TYPE " + start + " " + word(type) + "\n";
  if (!unit.empty()) {
    text_ += "# UNIT " + start + " " + std::string(unit) + "\n";
  }
  text_ += "# HELP " + start + " ";
  append_escaped(text_, help);
  text_ += "\n";
  name_ = start + suffix(type);
}

void OpenMetrics::put(Labels labels, std::string_view value) {
  text_ += name_;
  char before = '{';
  for (const auto& [label, of] : labels) {
    text_ += before;
    text_ += label;
    text_ += "=\"";
    append_escaped(text_, of);
    text_ += '"';
    before = ',';
  }
  text_ += before == ',' ? "} " : " ";
  text_ += value;
  text_ += '\n';
}

void OpenMetrics::sample(Labels labels, double value) {
  std::array<char, 32> digits;
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), value);
  put(labels, error == std::errc{} ? std::string_view(digits.data(), end) : "NaN");
}

std::string OpenMetrics::take() {
  text_ += "# EOF\n";
  return std::move(text_);
}

}  // namespace lvs::lvsctl
