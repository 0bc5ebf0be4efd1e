// POSIX extended regular expressions, as Piranha's use_regex has them, on bytes. The one home of
// regcomp. Expressions come from the configuration, texts from servers. What makes the C library's
// matcher slow or hungry is refused at compile time: long patterns, back-references, repeat counts
// whose product is large.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "common/result.h"

struct re_pattern_buffer;

namespace lvs::nanny {

constexpr size_t kPatternMax = 1024;
constexpr size_t kRepeatMax = 1000;  // Product of all {m,n} upper bounds of a pattern.
constexpr size_t kNestingMax = 64;   // Parentheses within parentheses.

class Regex {
 public:
  static Result<Regex> compile(const std::string& pattern);
  // Anywhere in the text unless the pattern is anchored. NUL bytes are bytes like others.
  bool found_in(std::string_view text) const;

 private:
  struct Free {
    void operator()(re_pattern_buffer* compiled) const;
  };
  explicit Regex(std::unique_ptr<re_pattern_buffer, Free> compiled)
      : compiled_(std::move(compiled)) {}
  std::unique_ptr<re_pattern_buffer, Free> compiled_;
};

}  // namespace lvs::nanny
