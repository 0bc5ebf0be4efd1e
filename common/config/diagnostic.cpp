#include "common/config/diagnostic.h"

#include <algorithm>

namespace lvs::config {

bool has_errors(const Diagnostics& diagnostics) {
  return std::any_of(diagnostics.begin(), diagnostics.end(),
                     [](const Diagnostic& d) { return d.severity == Severity::error; });
}

std::string reason_to_keep_the_old(const Diagnostics& diagnostics) {
  const auto found = std::find_if(diagnostics.begin(), diagnostics.end(), [](const Diagnostic& d) {
    return d.severity == Severity::cut_short;
  });
  return found == diagnostics.end() ? "" : to_string(*found);
}

std::string to_string(Severity severity) {
  switch (severity) {
    case Severity::error:
      return "error";
    case Severity::unsupported:
      return "unsupported";
    case Severity::cut_short:
      return "cut short";
    case Severity::warning:
      return "warning";
    case Severity::strict:
      return "strict";
  }
  return "";
}

std::string to_string(const Diagnostic& diagnostic) {
  std::string line = diagnostic.file;
  if (diagnostic.line > 0) {
    line += ":" + std::to_string(diagnostic.line);
  }
  if (!line.empty()) {
    line += ": ";
  }
  if (!diagnostic.key.empty()) {
    line += diagnostic.key + ": ";
  }
  if (diagnostic.severity != Severity::error) {
    line += to_string(diagnostic.severity) + ": ";
  }
  return line + diagnostic.text;
}

}  // namespace lvs::config
