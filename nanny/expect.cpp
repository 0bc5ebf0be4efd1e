#include "nanny/expect.h"

#include <algorithm>

namespace lvs::nanny {

Result<Expectation> Expectation::compile(const config::SendExpect& check) {
  if (!check.is_regex) {
    return Expectation(check.expect, std::nullopt);
  }
  Result<Regex> regex = Regex::compile(check.expect);
  if (!regex) {
    return regex.error().in("expect");
  }
  return Expectation(check.expect, std::move(regex).value());
}

size_t Expectation::wanted() const {
  if (regex_) {
    return kRegexTextMax;
  }
  return std::max<size_t>(1, expect_.size());
}

Match Expectation::judge(std::string_view received, bool ended) const {
  const std::string_view text = received.substr(0, wanted());
  const Match undecided = ended || text.size() == wanted() ? Match::no : Match::more;
  if (regex_) {
    return !text.empty() && regex_->found_in(text) ? Match::yes : undecided;
  }
  if (expect_ == "*" || expect_.empty()) {
    return text.empty() ? undecided : Match::yes;
  }
  if (text != std::string_view(expect_).substr(0, text.size())) {
    return Match::no;
  }
  return text.size() == expect_.size() ? Match::yes : undecided;
}

}  // namespace lvs::nanny
