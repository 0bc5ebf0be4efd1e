#include "nanny/runner/wire.h"

#include <gtest/gtest.h>

namespace lvs::nanny::runner {
namespace {

TEST(RunnerWire, WhatIsEncodedIsDecoded) {
  const ScriptRequest request{ScriptRequest::Verb::cancel, 7, ~MonitorId{0}};
  EXPECT_EQ(decode_script_request(encode(request)), request);
  const ScriptAnswer answer{9, {ScriptEnd::How::killed, -3, std::string("a\0b", 3), "said"}};
  EXPECT_EQ(decode_script_answer(encode(answer)), answer);
}

TEST(RunnerWire, TextsAreCutAtTheirLimits) {
  ScriptAnswer answer;
  answer.end.output = std::string(kScriptOutputMax + 1, 'x');
  answer.end.said = std::string(kScriptSaidMax + 1, 'y');
  const std::string packet = encode(answer);
  EXPECT_LE(packet.size(), kScriptPacketMax);
  EXPECT_EQ(decode_script_answer(packet)->end.output.size(), kScriptOutputMax);
  EXPECT_EQ(decode_script_answer(packet)->end.said.size(), kScriptSaidMax);
}

TEST(RunnerWire, OtherPacketsAreRefused) {
  std::string request = encode(ScriptRequest{});
  EXPECT_FALSE(decode_script_request(request + "x"));
  EXPECT_FALSE(decode_script_request(request.substr(1)));
  request[0] = 3;
  EXPECT_FALSE(decode_script_request(request));
  std::string answer = encode(ScriptAnswer{1, {ScriptEnd::How::exited, 0, "out", "err"}});
  EXPECT_FALSE(decode_script_answer(answer + "x"));
  EXPECT_FALSE(decode_script_answer(answer.substr(0, answer.size() - 1)));
  EXPECT_FALSE(decode_script_answer(""));
  answer[8] = 9;
  EXPECT_FALSE(decode_script_answer(answer));
}

}  // namespace
}  // namespace lvs::nanny::runner
