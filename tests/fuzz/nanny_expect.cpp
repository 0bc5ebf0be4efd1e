// Input: flags, length of the pattern, pattern, then what a server sends. Laws:
//  * with the whole answer there and the connection ended there is a verdict;
//  * without a regular expression, the verdict is the same however the answer is cut into reads;
//  with one, an answer
//    that fits as a whole also fits when it comes in pieces;
//  * a prefix verdict is what comparing the bytes says;
//  * a regular expression says what the C library's matcher says, where that understands it and is
//    not too slow for it.
#include "nanny/expect.h"

#include <regex.h>

#include <cstdint>
#include <cstdlib>

namespace {

using lvs::nanny::Expectation;
using lvs::nanny::Match;

void require(bool law) {
  if (!law) {
    std::abort();
  }
}

constexpr size_t kPatternForC = 24;
constexpr size_t kTextForC = 40;

// Nothing: the C library does not take the pattern, or should not.
std::optional<bool> found_by_c(const std::string& pattern, std::string_view text) {
  const bool is_for_c = pattern.size() <= kPatternForC && text.size() <= kTextForC &&
                        pattern.find_first_of(std::string("{\0", 2)) == std::string::npos;
  regex_t compiled;
  if (!is_for_c || ::regcomp(&compiled, pattern.c_str(), REG_EXTENDED) != 0) {
    return std::nullopt;
  }
  regmatch_t range{};
  range.rm_eo = static_cast<regoff_t>(text.size());
  const char* begin = text.empty() ? "" : text.data();
  const bool found = ::regexec(&compiled, begin, 1, &range, REG_STARTEND) == 0;
  ::regfree(&compiled);
  return found;
}

Match in_pieces(const Expectation& expectation, std::string_view text, size_t piece) {
  for (size_t end = piece; end < text.size(); end += piece) {
    const Match match = expectation.judge(text.substr(0, end), false);
    if (match != Match::more) {
      return match;
    }
  }
  return expectation.judge(text, true);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 3) {
    return 0;
  }
  const bool is_regex = (data[0] & 1) != 0;
  const size_t piece = 1 + (data[1] % 16);
  const std::string_view rest(reinterpret_cast<const char*>(data) + 3, size - 3);
  const std::string pattern(rest.substr(0, data[2]));
  const std::string_view text = rest.substr(pattern.size());
  const auto expectation = Expectation::compile({"", pattern, is_regex});
  if (!expectation) {
    require(is_regex && !expectation.error().what.empty());
    return 0;
  }
  const Match whole = expectation->judge(text, true);
  require(whole != Match::more);
  const Match pieces = in_pieces(*expectation, text, piece);
  require(is_regex ? whole != Match::yes || pieces == Match::yes : pieces == whole);
  if (is_regex && !text.empty()) {
    require(found_by_c(pattern, text).value_or(whole == Match::yes) == (whole == Match::yes));
  }
  if (!is_regex && !pattern.empty() && pattern != "*") {
    require((whole == Match::yes) == text.starts_with(pattern));
  }
  return 0;
}
