// A file that is read again and again: what has not changed is the same block as before, and what
// is said is what a first reading would say.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "common/config/parse.h"

namespace lvs::config {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

const std::string kGlobals = "primary = 192.0.2.2\n";

std::string service(const std::string& name, int number, const std::string& more = "") {
  return "virtual " + name + " {\n  active = 1\n  address = 192.0.2." + std::to_string(number) +
         " eth0:1\n" + more + "  server a {\n    address = 10.0.0.1\n    active = 1\n  }\n}\n";
}

// Reads both ways, and holds one against the other.
struct Rereading {
  int resolved = 0;
  Resolver resolve = [this](std::string_view name) -> std::optional<Address> {
    ++resolved;
    return name == "known" ? Address::parse("10.0.0.7") : std::nullopt;
  };
  ConfigReader reader{"lvs.cf", resolve};

  Parsed read(const std::string& text) {
    Parsed again = reader.read(text);
    const Parsed first = parse(text, "lvs.cf", resolve);
    EXPECT_EQ(again.config, first.config) << text;
    EXPECT_EQ(again.diagnostics, first.diagnostics) << text;
    EXPECT_EQ(again.not_in_effect, first.not_in_effect) << text;
    if (again.config && first.config) {
      for (size_t i = 0; i < first.config->virtuals.size(); ++i) {
        EXPECT_EQ(again.config->virtuals.entries()[i].line,
                  first.config->virtuals.entries()[i].line);
      }
    }
    return again;
  }
};

const VirtualService* block(const Parsed& parsed, size_t i) {
  return &parsed.config->virtuals[i];
}

TEST(Reread, WhatHasNotChangedIsTheSameBlockWhereverItStands) {
  Rereading file;
  const auto before = file.read(kGlobals + service("a", 10) + service("b", 11) + service("c", 12));
  const auto after =
      file.read(kGlobals + "# moved\n\n" + service("c", 12) + service("b", 11, "  port = 81\n") +
                service("n", 13) + service("a", 10));
  EXPECT_EQ(block(after, 0), block(before, 2));
  EXPECT_NE(block(after, 1), block(before, 1));
  EXPECT_EQ(block(after, 1)->port, 81);
  EXPECT_EQ(block(after, 3), block(before, 0));
}

TEST(Reread, OfTwoEqualBlocksEachIsItself) {
  Rereading file;
  const std::string twin = service("a", 10);
  EXPECT_FALSE(file.read(kGlobals + twin + twin).config);
  EXPECT_FALSE(file.read(kGlobals + twin + twin).config);
  EXPECT_THAT(file.read(kGlobals + twin).config->virtuals, SizeIs(1));
}

TEST(Reread, AChangeOutsideTheBlocksIsHeldAgainstEachOfThem) {
  Rereading file;
  const std::string ftp = service("ftp", 10, "  port = 21\n");
  EXPECT_THAT(file.read(kGlobals + ftp).diagnostics, IsEmpty());
  const auto tunnel = file.read(kGlobals + "network = tunnel\n" + ftp);
  EXPECT_FALSE(tunnel.diagnostics.empty());
  EXPECT_THAT(file.read(kGlobals + ftp).diagnostics, IsEmpty());
}

TEST(Reread, AServiceByNameIsLookedUpEachTime) {
  Rereading file;
  const std::string named = service("a", 10, "  sorry_server = known\n");
  file.read(kGlobals + named);
  const int before = file.resolved;
  file.read(kGlobals + named);
  EXPECT_EQ(file.resolved, before + 2) << "once by each way of reading";
}

TEST(Reread, ComplaintsNameTheLineWhereTheBlockStandsNow) {
  Rereading file;
  const std::string twice = service("a", 10, "  port = 81\n  port = 82\n");
  const std::string broken = service("b", 11, "  prot = 81\n");
  file.read(kGlobals + twice + broken);
  const auto after = file.read(kGlobals + "\n\n" + twice + broken);
  ASSERT_THAT(after.diagnostics, SizeIs(2));
  EXPECT_EQ(to_string(after.diagnostics[0]),
            "lvs.cf:8: port: warning: given before in line 7: this one counts");
  EXPECT_EQ(after.diagnostics[1].line, 17);
}

TEST(Reread, AFileThatDoesNotLoadLeavesWhatWasKnown) {
  Rereading file;
  const auto before = file.read(kGlobals + service("a", 10));
  EXPECT_FALSE(file.read(kGlobals + service("a", 10) + "rubbish\n").config);
  EXPECT_FALSE(file.read("").config);
  EXPECT_EQ(block(file.read(kGlobals + service("a", 10)), 0), block(before, 0));
}

// Lines that mean something by where they stand, put together at random and changed a little each
// time: well-formed files are rare among them, and half-open blocks are not.
TEST(Reread, SaysWhatAFirstReadingSaysOfAnyText) {
  const std::vector<std::string> parts = {kGlobals,
                                          service("a", 10),
                                          service("b", 11, "  check = none\n"),
                                          service("b", 12, "  port = 53\n  protocol = udp\n"),
                                          service("g", 14, "  port = 80\r\n"),
                                          "virtual c\n{\n  active = 1\n",
                                          "virtual d {\n",
                                          "server x {\n",
                                          "  address = 192.0.2.10 eth0:1\n",
                                          "  address = known\n",
                                          "}\n",
                                          "{\n",
                                          "failover f {\n  active = 1\n}\n",
                                          "network = tunnel\n",
                                          "core = kernel\n",
                                          "keepalive=6\r\n",
                                          "  port = 80 # web\n",
                                          "#\n",
                                          "virtual e { active = 1 }\n",
                                          "}"};
  std::mt19937 random(1);
  const auto below = [&](size_t n) {
    return std::uniform_int_distribution<size_t>(0, n - 1)(random);
  };
  for (int round = 0; round < 300; ++round) {
    Rereading file;
    std::vector<std::string> text = {kGlobals, parts[1], parts[2]};
    for (int edit = 0; edit < 8 && !testing::Test::HasFailure(); ++edit) {
      const size_t at = below(text.size() + 1);
      if (at < text.size() && below(3) == 0) {
        text.erase(text.begin() + static_cast<ptrdiff_t>(at));
      } else {
        text.insert(text.begin() + static_cast<ptrdiff_t>(at), parts[below(parts.size())]);
      }
      std::string whole;
      for (const auto& part : text) {
        whole += part;
      }
      file.read(whole);
    }
  }
}

}  // namespace
}  // namespace lvs::config
