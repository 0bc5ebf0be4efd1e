#include "common/config/text.h"

#include <gtest/gtest.h>

namespace lvs::config {
namespace {

using namespace std::chrono_literals;

TEST(Durations, PlainNumbersAreSecondsAndUnitsAreKnown) {
  EXPECT_EQ(parse_duration("5"), 5s);
  EXPECT_EQ(parse_duration("0x10"), 16s);
  EXPECT_EQ(parse_duration("150ms"), 150ms);
  EXPECT_EQ(parse_duration("2s"), 2s);
  EXPECT_EQ(parse_duration("5m"), 5min);
  EXPECT_EQ(parse_duration("1h"), 1h);
  EXPECT_EQ(parse_duration("2d"), 48h);
  for (const char* wrong : {"", "ms", "5 s", "5x", "5mss", "-1", "1.5s", "99999999999d", "s5"}) {
    EXPECT_FALSE(parse_duration(wrong)) << wrong;
  }
}

TEST(Durations, ArePrintedAsPiranhaReadsThemWherePossible) {
  EXPECT_EQ(duration_text(300s), "300");
  EXPECT_EQ(duration_text(150ms), "150ms");
  EXPECT_EQ(duration_text(0s), "0");
}

TEST(Integers, FollowTheRulesOfC) {
  EXPECT_EQ(parse_integer("010"), 8);
  EXPECT_EQ(parse_integer("0xff"), 255);
  EXPECT_EQ(parse_integer("-3"), -3);
  for (const char* wrong : {"", "-", "0x", "08", "1 ", "--1", "0x-1", "99999999999999999999"}) {
    EXPECT_FALSE(parse_integer(wrong)) << wrong;
  }
}

TEST(Escapes, SixAreTranslatedAndAllOthersStay) {
  EXPECT_EQ(translate_escapes(R"(GET /\r\n\t\\\'\")"), "GET /\r\n\t\\'\"");
  EXPECT_EQ(translate_escapes(R"(\d\.\)"), R"(\d\.\)");
}

TEST(Words, AreSplitAtBlanksOutsideQuotes) {
  const Words split = split_words(R"(tcp send="a b" 'c d' e"f)");
  ASSERT_EQ(split.error, "");
  ASSERT_EQ(split.words.size(), 4U);
  EXPECT_EQ(split.words[1].text, "send=a b");
  EXPECT_EQ(split.words[2].text, "c d");
  EXPECT_EQ(split.words[3].text, "e\"f");
}

TEST(Words, UnmatchedQuotesAreRefused) {
  EXPECT_NE(split_words("\"abc").error, "");
  EXPECT_NE(split_words("\"abc\"d").error, "");
  EXPECT_NE(split_words("a \"b\\\"").error, "");
}

TEST(Words, ABackslashBeforeTheLastQuoteOfAWholeValueIsPiranhas) {
  EXPECT_EQ(unquoted(R"("C:\")"), R"(C:\)");
}

TEST(Words, WhatNeedsQuotesGetsThemAndReadsBack) {
  for (const char* text :
       {"plain", "", "a b", "a \"b\"", "it's so", "#x", "x=\"y", "\\", "a b\\"}) {
    EXPECT_EQ(unquoted(quoted_if_needed(text)), text) << text;
    EXPECT_EQ(comment_start("key = " + quoted_if_needed(text)), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace lvs::config
