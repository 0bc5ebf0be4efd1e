#include "common/regex.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lvs {
namespace {

using testing::HasSubstr;

bool found(const std::string& pattern, std::string_view text) {
  const Result<Regex> regex = Regex::compile(pattern);
  EXPECT_TRUE(regex) << pattern << ": " << regex.error().what;
  return regex && regex->found_in(text);
}

std::string refusal(const std::string& pattern) {
  const Result<Regex> regex = Regex::compile(pattern);
  return regex ? "accepted" : regex.error().what;
}

TEST(Regex, WhatPosixHasIsUnderstoodAsTheCLibraryDoes) {
  EXPECT_TRUE(found("^HTTP/1\\.[01] (200|30[12])", "HTTP/1.1 302 Found\r\n"));
  EXPECT_FALSE(found("^HTTP/1\\.[01] (200|30[12])", " HTTP/1.1 200 OK"));
  EXPECT_TRUE(found("a{,2}b", "b"));
  EXPECT_FALSE(found("^a{,2}b", "aaab"));
  EXPECT_TRUE(found("^[[:digit:]]{3}[ -]", "220-mail"));
  EXPECT_TRUE(found("[\\.]", "\\")) << "a byte like others within brackets";
  EXPECT_FALSE(found("[\\d]", "5"));
  EXPECT_TRUE(found("^[]a]$", "]"));
  EXPECT_TRUE(found("^[^]a]$", "["));
  EXPECT_TRUE(found("^[[=x=][.-.]]+$", "x-"));
  EXPECT_TRUE(found("^a)b$", "a)b"));
  EXPECT_TRUE(found("^xa*+$", "x"));
  EXPECT_TRUE(found("^a++$", "aa"));
  EXPECT_FALSE(found("^a++$", ""));
  EXPECT_TRUE(found("^\\w+\\s\\W\\b", "up !x"));
  EXPECT_TRUE(found("^a\\db$", "adb")) << "no class of POSIX";
  EXPECT_TRUE(found("^(|a)b()$", "b"));
}

TEST(Regex, LinesAreNothingToIt) {
  EXPECT_TRUE(found("a.b", "a\nb"));
  EXPECT_TRUE(found("a[^x]b", "a\nb"));
  EXPECT_FALSE(found("^b", "a\nb"));
  EXPECT_FALSE(found("a$", "a\n"));
}

TEST(Regex, BytesAreBytes) {
  EXPECT_TRUE(found("^\xff.\\\x80$", std::string_view("\xff\0\x80", 3)));
  EXPECT_FALSE(found("^.$", "\xc3\xa9"));
}

TEST(Regex, WhatCannotBeDoneIsSaid) {
  EXPECT_EQ(refusal("(a+)\\1"), "the back-reference \\1 would need more than linear time");
  EXPECT_THAT(refusal("\\<ok"), HasSubstr("write \\b"));
  EXPECT_THAT(refusal("ok\\"), HasSubstr("ends in a backslash"));
  EXPECT_THAT(refusal("[a"), HasSubstr("[ without its ]"));
  EXPECT_THAT(refusal("[[.hyphen.]]"), HasSubstr("single byte"));
  EXPECT_THAT(refusal("[[:nothing:]]"), HasSubstr("invalid character class"));
  EXPECT_THAT(refusal("("), HasSubstr("missing )"));
  EXPECT_THAT(refusal("*a"), HasSubstr("repetition"));
  EXPECT_THAT(refusal("a{1001}"), HasSubstr("repetition"));
  EXPECT_THAT(refusal("((a{100}){100}){100}"), HasSubstr("repetition"));
  EXPECT_THAT(refusal(std::string(kPatternMax + 1, 'a')), HasSubstr("longer than 1024 bytes"));
}

// To a matcher that tries every beginning anew this is half an hour's work.
TEST(Regex, TheTimeIsThatOfTheText) {
  std::string text;
  while (text.size() < (1 << 20)) {
    text += "ok";
  }
  EXPECT_FALSE(found("ok.*done", text));
  EXPECT_FALSE(found("(o*k*)*x", text));
  EXPECT_FALSE(found("(ok|o|k|okok)*[^ko]", text));
}

}  // namespace
}  // namespace lvs
