#include "nanny/script.h"

#include <gtest/gtest.h>

namespace lvs::nanny {
namespace {

using How = ScriptEnd::How;
const Endpoint kTarget{*Address::parse("10.0.0.2"), 8080};

Outcome judged(const std::string& expect, bool legacy, const ScriptEnd& end) {
  return judge_script({"check", expect, legacy}, kTarget, end).outcome;
}

TEST(ScriptWords, AddressAndPortReplaceWholeWordsOnly) {
  EXPECT_EQ(
      script_words("/bin/check  -h %h %p\t--at=%h 'a b'", kTarget),
      (std::vector<std::string>{"/bin/check", "-h", "10.0.0.2", "8080", "--at=%h", "'a", "b'"}));
}

TEST(ScriptWords, AnIpv6AddressComesWithoutBrackets) {
  EXPECT_EQ(script_words("%h", {*Address::parse("2001:db8::2"), 80}),
            std::vector<std::string>{"2001:db8::2"});
}

TEST(ScriptWords, NothingButBlanksHasNoWords) {
  EXPECT_TRUE(script_words(" \t ", kTarget).empty());
}

TEST(ScriptVerdict, TheExitStatusCounts) {
  EXPECT_EQ(judged("", false, {How::exited, 0, ""}), Outcome::works);
  EXPECT_EQ(judged("", false, {How::exited, 1, ""}), Outcome::fails);
  EXPECT_EQ(judged("OK", false, {How::exited, 1, "OK\n"}), Outcome::fails);
}

TEST(ScriptVerdict, ATimeoutOrASignalIsAFailure) {
  EXPECT_EQ(judged("", false, {How::timed_out, 0, ""}), Outcome::fails);
  EXPECT_EQ(judged("OK", false, {How::killed, 11, "OK\n"}), Outcome::fails);
}

TEST(ScriptVerdict, TheOutputMustEqualExpectLessItsNewline) {
  EXPECT_EQ(judged("OK", false, {How::exited, 0, "OK\n"}), Outcome::works);
  EXPECT_EQ(judged("OK", false, {How::exited, 0, "OK"}), Outcome::works);
  EXPECT_EQ(judged("OK", false, {How::exited, 0, "OK\n\n"}), Outcome::fails);
  EXPECT_EQ(judged("OK", false, {How::exited, 0, "OKAY\n"}), Outcome::fails);
  EXPECT_EQ(judged("OK", false, {How::exited, 0, ""}), Outcome::fails);
}

TEST(ScriptVerdict, LegacyCountsSilenceAsSuccessWhileAnOutputIsExpected) {
  EXPECT_EQ(judged("OK", true, {How::timed_out, 0, ""}), Outcome::works);
  EXPECT_EQ(judged("OK", true, {How::exited, 1, "NO\n"}), Outcome::works);
  EXPECT_EQ(judged("OK", true, {How::exited, 0, "NO\n"}), Outcome::fails);
  EXPECT_EQ(judged("OK", true, {How::exited, 0, "OK\n"}), Outcome::works);
}

TEST(ScriptVerdict, LegacyAlwaysCutsTheLastByte) {
  EXPECT_EQ(judged("OK", true, {How::exited, 0, "OKx"}), Outcome::works);
  EXPECT_EQ(judged("OK", true, {How::exited, 0, "OK"}), Outcome::fails);
}

TEST(ScriptVerdict, LegacyWithoutAnExpectedOutputNeverWorks) {
  EXPECT_EQ(judged("", true, {How::exited, 0, ""}), Outcome::fails);
  EXPECT_EQ(judged("", true, {How::exited, 0, "OK\n"}), Outcome::fails);
}

}  // namespace
}  // namespace lvs::nanny
