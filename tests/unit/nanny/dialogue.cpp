#include "nanny/dialogue.h"

#include <gmock/gmock.h>

#include "nanny/dns.h"

namespace lvs::nanny {
namespace {

using testing::HasSubstr;

const Endpoint kTarget{*Address::parse("10.0.0.2"), 25};

// How it ends when the server says these things, one after each thing of ours; what was said last.
std::pair<ProbeResult, std::string> held(Dialogue& dialogue,
                                         const std::vector<std::string>& servers_words) {
  std::string said = dialogue.opening();
  for (const auto& words : servers_words) {
    Turn turn;
    for (size_t bytes = 0; bytes <= words.size(); ++bytes) {  // One by one.
      turn = dialogue.hear(words.substr(0, bytes), false);
      if (turn.end || !turn.say.empty()) {
        break;
      }
    }
    said = turn.say.empty() ? said : turn.say;
    if (turn.end) {
      return {*turn.end, said};
    }
  }
  const Turn last = dialogue.hear("", true);
  return {last.end.value_or(ProbeResult{}), said};
}

using Held = std::pair<ProbeResult, std::string>;

TEST(Dialogue, SmtpGreetsAndGoes) {
  EXPECT_EQ(held(*smtp_dialogue("", kTarget), {"220-mx\r\n220 ready\r\n"}),
            Held(works("reply 220"), "QUIT\r\n"));
  EXPECT_EQ(held(*smtp_dialogue("lb", kTarget), {"220 ready\r\n"}).second, "HELO lb\r\n");
  EXPECT_EQ(held(*smtp_dialogue("lb", kTarget), {"220 ready\r\n", "250 mx\r\n"}),
            Held(works("reply 250"), "QUIT\r\n"));
}

TEST(Dialogue, AMailServerThatTurnsUsAwayFailsInItsWords) {
  const auto busy = held(*smtp_dialogue("", kTarget), {"421 too busy\r\n"});
  EXPECT_EQ(busy.first.outcome, Outcome::fails);
  EXPECT_THAT(busy.first.reason, HasSubstr("421 too busy"));
  EXPECT_EQ(busy.second, "QUIT\r\n");
  EXPECT_EQ(held(*smtp_dialogue("lb", kTarget), {"220 ready\r\n", "550 who?\r\n"}).first.outcome,
            Outcome::fails);
  EXPECT_EQ(held(*smtp_dialogue("", kTarget), {"2200 ready\n"}).first.outcome, Outcome::works)
      << "three digits count";
  EXPECT_EQ(held(*smtp_dialogue("", kTarget), {"SSH-2.0-x\r\n"}).first.outcome, Outcome::fails);
  EXPECT_EQ(held(*smtp_dialogue("", kTarget), {"\r\n"}).first.outcome, Outcome::fails);
  EXPECT_EQ(held(*smtp_dialogue("", kTarget), {"220-never ends\r\n"}).first,
            answer_too_short(kTarget, 0));
}

TEST(Dialogue, FtpIsAskedForAUserWhenThereIsOne) {
  EXPECT_EQ(held(*ftp_dialogue("", kTarget), {"220 files\r\n"}).first, works("reply 220"));
  EXPECT_EQ(held(*ftp_dialogue("probe", kTarget), {"220 files\r\n"}).second, "USER probe\r\n");
  EXPECT_EQ(held(*ftp_dialogue("probe", kTarget), {"220 files\r\n", "331 password?\r\n"}).first,
            works("reply 331"));
  EXPECT_EQ(held(*ftp_dialogue("probe", kTarget), {"220 files\r\n", "530 no\r\n"}).first.outcome,
            Outcome::fails);
}

TEST(Dialogue, AnAgentDecidesByItsFirstLine) {
  for (const char* line : {"up\n", "ready 50%\r", "75%\n", "up, maxconn:20\n", "100%"}) {
    EXPECT_EQ(judge_agent(line, kTarget).outcome, Outcome::works) << line;
  }
  for (const char* line : {"down\n", "up drain\n", "0%\n", "maint # up\n", "stopped", "fail", "",
                           "HTTP/1.1 200 OK", "%", "# up"}) {
    EXPECT_EQ(judge_agent(line, kTarget).outcome, Outcome::fails) << line;
  }
  EXPECT_EQ(held(*agent_dialogue(kTarget), {"up 75%\nmore"}).first, works("agent: \"up 75%\""));
  EXPECT_EQ(held(*agent_dialogue(kTarget), {"up"}).first.outcome, Outcome::fails)
      << "nothing came before the end";
}

TEST(Dialogue, DnsOverTcpHasALengthBefore) {
  const std::string question = dns_question("a.b", "A", 7).value();
  const auto dialogue = dns_dialogue(question, kTarget);
  EXPECT_EQ(dialogue->opening(), std::string("\0\x15", 2) + question);
  std::string answer = question;
  answer[2] = '\x81';
  answer[7] = 1;
  EXPECT_EQ(held(*dialogue, {std::string("\0\x15", 2) + answer}).first, works("dns: 1 records"));
  EXPECT_EQ(held(*dialogue, {std::string("\0\x15", 2) + question}).first.outcome, Outcome::fails);
  EXPECT_EQ(held(*dialogue, {std::string("\0\x16", 2) + answer}).first.outcome, Outcome::fails);
}

}  // namespace
}  // namespace lvs::nanny
