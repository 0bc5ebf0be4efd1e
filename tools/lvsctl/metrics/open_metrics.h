// Writes OpenMetrics text (the format of openmetrics.io, version 1.0.0): families one after the
// other, each with its TYPE, UNIT and HELP, and "# EOF" at the end. The text grows by appending; a
// table of 10,000 servers is written once.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace lvs::lvsctl {

class OpenMetrics {
 public:
  using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;
  enum class Type { counter, gauge, info };

  // The samples that follow are of this family. Of a counter without "_total", of an info without
  // "_info"; `unit` is the end of the name where there is one.
  void family(std::string_view name, Type type, std::string_view help, std::string_view unit = "");
  void sample(Labels labels, double value);
  void sample(Labels labels, int64_t value) { put(labels, std::to_string(value)); }
  void sample(Labels labels, bool value) { put(labels, value ? "1" : "0"); }

  std::string take();

 private:
  void put(Labels labels, std::string_view value);

  std::string text_;
  std::string name_;  // Of samples.
};

}  // namespace lvs::lvsctl
