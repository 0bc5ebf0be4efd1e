// POSIX extended regular expressions, as Piranha's use_regex has them, on bytes, in time that is
// linear in the text: expressions come from the configuration, texts from servers, and one server's
// text must not delay the others' checks. RE2 does the work; what the C library reads in another
// way than RE2 is translated, and what cannot be matched in linear time is refused.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "common/result.h"

namespace re2 {
class RE2;
}

namespace lvs {

constexpr size_t kPatternMax = 1024;

class Regex {
 public:
  static Result<Regex> compile(const std::string& pattern);
  // Anywhere in the text unless the pattern is anchored. NUL bytes are bytes like others.
  bool found_in(std::string_view text) const;

 private:
  explicit Regex(std::shared_ptr<const re2::RE2> compiled) : compiled_(std::move(compiled)) {}
  std::shared_ptr<const re2::RE2> compiled_;
};

}  // namespace lvs
