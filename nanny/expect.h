// Does what a server sends fit `expect`? Piranha's rules (a prefix, "*" for any byte, or an
// extended regular expression searched in the first 254 bytes), but judged on all that has arrived
// so far instead of on the first read: a server that sends its greeting in two segments is well.
// What has arrived is handed in whole each time, so the verdict does not depend on how it was cut
// into reads, with one exception: a regular expression is searched in what is there, so one that
// ends in $ may match a part.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/config/model.h"
#include "common/regex.h"

namespace lvs::nanny {

constexpr size_t kRegexTextMax = 254;

enum class Match { yes, no, more };  // more: not decided before further bytes come.

class Expectation {
 public:
  static Result<Expectation> compile(const config::SendExpect& check);

  // `received`: all bytes so far. With `ended` (the server has closed, a datagram is whole) never
  // `more`.
  Match judge(std::string_view received, bool ended) const;
  // Bytes beyond this many are not looked at.
  size_t wanted() const;

 private:
  Expectation(std::string expect, std::optional<Regex> regex)
      : expect_(std::move(expect)), regex_(std::move(regex)) {}
  std::string expect_;
  std::optional<Regex> regex_;
};

}  // namespace lvs::nanny
