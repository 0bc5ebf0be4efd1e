#include "nanny/regex.h"

#include <regex.h>

#include <algorithm>
#include <cctype>
#include <optional>

namespace lvs::nanny {
namespace {

// The largest number written in "{m,n}" behind the brace at `at`; "{m,}" counts as m.
size_t repeat_bound(const std::string& pattern, size_t at) {
  size_t bound = 0;
  size_t number = 0;
  for (size_t i = at + 1; i < pattern.size() && pattern[i] != '}'; ++i) {
    const bool digit = std::isdigit(static_cast<unsigned char>(pattern[i])) != 0;
    number =
        digit ? std::min(number * 10 + static_cast<size_t>(pattern[i] - '0'), kRepeatMax + 1) : 0;
    bound = std::max(bound, number);
  }
  return bound;
}

// Counted over the raw text: a brace inside brackets counts too, which only errs on the safe side.
std::optional<std::string> too_costly(const std::string& pattern) {
  if (pattern.size() > kPatternMax) {
    return "longer than " + std::to_string(kPatternMax) + " bytes";
  }
  size_t repeats = 1;
  size_t depth = 0;
  for (size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '\\' && i + 1 < pattern.size()) {
      ++i;
      if (std::isdigit(static_cast<unsigned char>(pattern[i])) != 0) {
        return "back-references are not allowed";
      }
    } else if (c == '{') {
      repeats *= std::max<size_t>(1, repeat_bound(pattern, i));
    } else if (c == '(') {
      ++depth;
    } else if (c == ')' && depth > 0) {
      --depth;
    }
    if (repeats > kRepeatMax) {
      return "repeats more than " + std::to_string(kRepeatMax) + " times";
    }
    if (depth > kNestingMax) {
      return "nested deeper than " + std::to_string(kNestingMax) + " parentheses";
    }
  }
  return std::nullopt;
}

}  // namespace

void Regex::Free::operator()(re_pattern_buffer* compiled) const {
  ::regfree(compiled);
  delete compiled;
}

Result<Regex> Regex::compile(const std::string& pattern) {
  if (const std::optional<std::string> why = too_costly(pattern)) {
    return Error{EINVAL, "regular expression: " + *why};
  }
  if (pattern.find('\0') != std::string::npos) {
    return Error{EINVAL, "regular expression: contains a zero byte"};
  }
  auto fresh = std::make_unique<regex_t>();
  const int code = ::regcomp(fresh.get(), pattern.c_str(), REG_EXTENDED);
  if (code != 0) {
    char why[128];
    ::regerror(code, fresh.get(), why, sizeof why);
    return Error{EINVAL, std::string("regular expression: ") + why};
  }
  return Regex(std::unique_ptr<re_pattern_buffer, Free>(fresh.release()));
}

bool Regex::found_in(std::string_view text) const {
  regmatch_t range{};
  range.rm_eo = static_cast<regoff_t>(text.size());
  const char* begin = text.empty() ? "" : text.data();
  return ::regexec(compiled_.get(), begin, 1, &range, REG_STARTEND) == 0;
}

}  // namespace lvs::nanny
