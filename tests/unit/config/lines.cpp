#include "common/config/lines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lvs::config {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct Lines {
  Block globals;
  Diagnostics diagnostics;
};

Lines read_lines(std::string_view text) {
  LineReader reader;
  while (!text.empty()) {
    reader.take_line(take_first_line(text));
  }
  reader.finish();
  return {reader.take_globals(), reader.take_diagnostics()};
}

std::vector<std::string> said(const Lines& lines, Severity severity) {
  std::vector<std::string> texts;
  for (const auto& d : lines.diagnostics) {
    if (d.severity == severity) {
      texts.push_back(std::to_string(d.line) + " " + d.text);
    }
  }
  return texts;
}

std::string value_of(const std::string& line) {
  const Lines lines = read_lines(line);
  EXPECT_THAT(said(lines, Severity::error), IsEmpty()) << line;
  return lines.globals.assignments.empty() ? "nothing" : lines.globals.assignments[0].value;
}

TEST(Lines, AValueIsWhatStandsBehindTheEqualsSign) {
  EXPECT_EQ(value_of("keepalive = 6"), "6");
  EXPECT_EQ(value_of("keepalive=6"), "6");
  EXPECT_EQ(value_of("  keepalive\t=\t6 \t"), "6");
  EXPECT_EQ(value_of("keepalive = 6\r\n"), "6");
  EXPECT_EQ(value_of("nat_router = 10.0.0.1   eth1:1"), "10.0.0.1   eth1:1");
}

TEST(Lines, QuotesKeepWhatWouldOtherwiseEndTheValue) {
  EXPECT_EQ(value_of("send = \"a ; b # c : d = e\""), "\"a ; b # c : d = e\"");
  EXPECT_EQ(value_of("send = 'a # b' # a comment"), "'a # b'");
  EXPECT_EQ(value_of("send = \"say \\\"hi\\\" # x\" # y"), "\"say \\\"hi\\\" # x\"");
  EXPECT_EQ(value_of("check = tcp send=\"a # b\""), "tcp send=\"a # b\"");
  EXPECT_EQ(value_of("ipvsadm = it's#1 # a comment"), "it's#1");
}

TEST(Lines, TypographicQuotesAreTextAndMostlyMeantOtherwise) {
  const std::string warned = " typographic quotes are part of the text: to quote, write \"";
  EXPECT_THAT(said(read_lines("check = http path=/ body=\u201cok\u201d"), Severity::warning),
              ElementsAre("1" + warned));
  EXPECT_THAT(said(read_lines("virtual \u2018web\u2019 {\n}"), Severity::warning),
              ElementsAre("1" + warned));
  EXPECT_EQ(value_of("send = \u201cGET\u201d"), "\u201cGET\u201d");
}

TEST(Lines, AValueOfTenThousandBytesComesThroughWhole) {
  const std::string text = "\"" + std::string(5000, ';') + std::string(5000, ' ') + "#\"";
  EXPECT_EQ(value_of("send = " + text), text);
}

TEST(Lines, AnIndentedLineDoesNotContinueTheOneAbove) {
  const Lines lines = read_lines("send = a\n    expect = b\n    c\n");
  ASSERT_EQ(lines.globals.assignments.size(), 2U);
  EXPECT_EQ(lines.globals.assignments[0].value, "a");
  EXPECT_THAT(said(lines, Severity::error), ElementsAre("3 expected key = value"));
}

TEST(Lines, BlocksNestAndKnowTheirLines) {
  const Lines lines = read_lines(
      "virtual \"my web\"   # the shop\n{\n\n  port = 80\n  server 158 {\n    weight = 2\n  "
      "}\n}\n");
  EXPECT_THAT(said(lines, Severity::error), IsEmpty());
  ASSERT_EQ(lines.globals.children.size(), 1U);
  const Block& web = lines.globals.children[0];
  EXPECT_EQ(web.word, "virtual");
  EXPECT_EQ(web.name, "my web");
  EXPECT_EQ(web.line, 1);
  EXPECT_EQ(web.assignments.at(0).line, 4);
  ASSERT_EQ(web.children.size(), 1U);
  EXPECT_EQ(web.children[0].name, "158");
  EXPECT_EQ(web.children[0].assignments.at(0).value, "2");
}

TEST(Lines, BracesMayStandOnTheLinesOfWhatTheyEnclose) {
  const Lines lines = read_lines(
      "virtual web{ port = 80 }\nvirtual a\n{ server one { weight = 2 } server two {\nweight = 3}\n"
      "  server three { weight = 4 }}\n");
  EXPECT_THAT(said(lines, Severity::error), IsEmpty());
  EXPECT_THAT(said(lines, Severity::cut_short), IsEmpty());
  ASSERT_EQ(lines.globals.children.size(), 2U);
  EXPECT_EQ(lines.globals.children[0].name, "web");
  EXPECT_EQ(lines.globals.children[0].assignments.at(0).value, "80");
  const auto& servers = lines.globals.children[1].children;
  ASSERT_EQ(servers.size(), 3U);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(servers[i].assignments.at(0).value, std::to_string(i + 2));
  }
}

TEST(Lines, ABraceIsTextWherePiranhaTakesItForSome) {
  for (const char* value : {"}", "ok}", "\"a }\"", "^a{2}", "{\"ok\":1}"}) {
    EXPECT_EQ(value_of(std::string("expect = ") + value), value);
  }
}

TEST(Lines, AMissingBraceAtTheEndIsForgivenAndSaid) {
  const Lines lines = read_lines("virtual web {\nport = 80\n");
  EXPECT_THAT(said(lines, Severity::error), IsEmpty());
  EXPECT_THAT(
      said(lines, Severity::cut_short),
      ElementsAre("2 the closing } of virtual web (line 1) is missing: is the file whole?"));
  EXPECT_EQ(lines.globals.children.size(), 1U);
}

TEST(Lines, AnUnknownBlockDoesNotSpillItsContents) {
  const Lines lines = read_lines("vserver web {\nport = 80\n}\nkeepalive = 6\n");
  ASSERT_EQ(lines.globals.assignments.size(), 1U);
  EXPECT_EQ(lines.globals.assignments[0].key, "keepalive");
}

TEST(Lines, StrictNamesWhatPiranhaRefuses) {
  const auto strict = [](const std::string& text) {
    return said(read_lines(text), Severity::strict);
  };
  EXPECT_THAT(strict("keepalive = 6\nsend = \"a b\"  \nvirtual a {\n}\n"), IsEmpty());
  EXPECT_THAT(strict("keepalive=6"),
              ElementsAre("1 expected a blank before the =", "1 expected a blank behind the ="));
  EXPECT_THAT(strict("keepalive = 6 # x"),
              ElementsAre("1 a comment behind a statement is refused: give it a line of its own"));
  EXPECT_THAT(strict("virtual a\n{\n}\n"),
              ElementsAre("2 the { must stand on the line that opens the block"));
  EXPECT_THAT(strict("sync = 0\r\nheartbeat = 1\r\n"),
              ElementsAre("1 CR-LF line ends: after the first line everything would be skipped"));
  EXPECT_THAT(strict("send = \"abc\" "),
              ElementsAre("1 blanks behind a quoted text without blanks are a quotation mismatch"));
  EXPECT_THAT(strict("send = \"say \\\"hi\\\" x\""),
              ElementsAre("1 an escaped quote behind a blank ends the text"));
  EXPECT_THAT(strict("send = \"\\\"hi\\\" x\""), IsEmpty());
}

}  // namespace
}  // namespace lvs::config
