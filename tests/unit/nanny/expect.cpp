#include "nanny/expect.h"

#include <gtest/gtest.h>

namespace lvs::nanny {
namespace {

Expectation expecting(const std::string& text, bool is_regex = false) {
  return Expectation::compile({"", text, is_regex}).value();
}

std::string refusal(const std::string& pattern) {
  const auto compiled = Expectation::compile({"", pattern, true});
  return compiled ? "accepted" : compiled.error().what;
}

TEST(Expect, APrefixIsDecidedByItsOwnLength) {
  const Expectation hello = expecting("220 ");
  EXPECT_EQ(hello.judge("", false), Match::more);
  EXPECT_EQ(hello.judge("220", false), Match::more);
  EXPECT_EQ(hello.judge("220 ", false), Match::yes);
  EXPECT_EQ(hello.judge("220 mail.example.org", false), Match::yes);
}

TEST(Expect, APrefixIsNotSearchedFor) {
  EXPECT_EQ(expecting("220").judge("x220", false), Match::no);
}

TEST(Expect, AWrongByteIsDecidedAtOnce) {
  EXPECT_EQ(expecting("220 ").judge("5", false), Match::no);
  EXPECT_EQ(expecting("220 ").judge("221", false), Match::no);
}

TEST(Expect, ACloseBeforeTheWholePrefixIsAFailure) {
  EXPECT_EQ(expecting("220 ").judge("220", true), Match::no);
  EXPECT_EQ(expecting("220 ").judge("", true), Match::no);
}

TEST(Expect, AStarIsAnyByteButNotNone) {
  EXPECT_EQ(expecting("*").judge("", false), Match::more);
  EXPECT_EQ(expecting("*").judge(std::string_view("\0", 1), false), Match::yes);
  EXPECT_EQ(expecting("*").judge("", true), Match::no);
}

TEST(Expect, ALongerTextThatStartsWithAStarIsAPrefix) {
  EXPECT_EQ(expecting("*OK").judge("*OK", false), Match::yes);
  EXPECT_EQ(expecting("*OK").judge("abc", false), Match::no);
}

TEST(Expect, ARegexIsSearchedAnywhere) {
  const Expectation ready = expecting("re+ady|ok", true);
  EXPECT_EQ(ready.judge("not yet", false), Match::more);
  EXPECT_EQ(ready.judge("now reeady!", false), Match::yes);
  EXPECT_EQ(ready.judge("not yet", true), Match::no);
}

TEST(Expect, ARegexLooksAt254BytesAndNoFurther) {
  const Expectation ready = expecting("ok", true);
  EXPECT_EQ(ready.judge(std::string(252, '.') + "ok", false), Match::yes);
  EXPECT_EQ(ready.judge(std::string(253, '.') + "ok", false), Match::no);
  EXPECT_EQ(ready.judge(std::string(253, '.'), false), Match::more);
}

TEST(Expect, ARegexReadsPastZeroBytes) {
  EXPECT_EQ(expecting("ok$", true).judge(std::string("\0\0ok", 4), false), Match::yes);
}

TEST(Expect, AnAnchorHoldsAtTheStartOfTheAnswerOnly) {
  EXPECT_EQ(expecting("^ok", true).judge("not ok", true), Match::no);
}

TEST(Expect, CostlyOrBrokenExpressionsAreRefusedWithTheReason) {
  EXPECT_EQ(refusal("(a)\\1"), "expect: the back-reference \\1 would need more than linear time");
  EXPECT_EQ(refusal("(a"), "expect: missing ): (a");
  EXPECT_EQ(refusal("(a{100}){10}"), "accepted");
  EXPECT_EQ(refusal("^220[ -]"), "accepted");
}

}  // namespace
}  // namespace lvs::nanny
