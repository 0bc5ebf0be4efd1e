#include "tools/lvsctl/check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <cerrno>

namespace lvs::lvsctl {
namespace {

const std::string kGood =
    "primary = 192.0.2.2\nvirtual web {\n     active = 1\n     address = 192.0.2.10 eth0:1\n"
    "     server a {\n         address = 10.0.0.11\n         active = 1\n     }\n}\n";

TEST(Check, AGoodFileIsGood) {
  const CheckReport report = check(kGood, "lvs.cf", Strictness::strict);
  EXPECT_TRUE(report.good);
  EXPECT_EQ(to_text(report, "lvs.cf", Format::text), "lvs.cf: good\n");
}

TEST(Check, ADeviceThatTheMachineDoesNotHaveIsTold) {
  const auto said = [](const std::string& text) {
    const auto report = check(text, "f", Strictness::liberal, {},
                              {{}, [](const std::string& device) { return device == "eth0"; }});
    EXPECT_TRUE(report.good) << "it may come";
    return to_text(report, "f", Format::text);
  };
  EXPECT_EQ(said(kGood), "f: good\n");
  const std::string router = "nat_router = 10.0.0.254 eth7:1\n";
  EXPECT_EQ(said("network = nat\n" + router + kGood),
            "f:2: nat_router: warning: this machine has no device eth7\nf: good, 1 warning\n");
  EXPECT_EQ(said("network = direct\n" + router + kGood), "f: good\n") << "not used";
  std::string typo = kGood;
  typo.replace(typo.find("eth0"), 4, "eht0");
  EXPECT_EQ(said(typo),
            "f:4: address: warning: this machine has no device eht0\nf: good, 1 warning\n");
}

TEST(Check, AUserThatCheckScriptsNeedAndTheMachineDoesNotHaveIsTold) {
  const auto said = [](const std::string& keys) {
    std::string text = kGood;
    text.insert(text.find("     server"), keys);
    LookHere look;
    look.has.user = [](const std::string& name) { return name == "root"; };
    std::string other = text.substr(text.find("virtual"));
    other.insert(other.find("     server"), "port = 81\n");
    const auto report = check(text + other, "f", Strictness::liberal, {}, look);
    return to_text(report, "f", Format::text);
  };
  EXPECT_THAT(said("check = ping\n"), testing::Not(testing::HasSubstr("script_user")));
  EXPECT_THAT(said("check = script command=/bin/true\nscript_user = root\n"),
              testing::Not(testing::HasSubstr("script_user: ")));
  const std::string once = said("check = script command=/bin/true\n");
  EXPECT_THAT(once, testing::HasSubstr("f:5: script_user: warning: this machine has no user "
                                       "lvs-check: without it no script is run, and a server "));
  EXPECT_EQ(once.find("no user"), once.rfind("no user")) << once;
  EXPECT_THAT(said("send_program = \"/bin/check\"\nscript_user = joe\n"),
              testing::HasSubstr("f:6: script_user: warning: this machine has no user joe"));
}

TEST(Check, AKernelWithoutTheSctpThatChecksNeedIsTold) {
  std::string text = kGood;
  text.insert(text.find("     server"), "port = 3868\nprotocol = sctp\n");
  const auto said = [](const std::string& file, bool has_sctp) {
    LookHere look;
    look.has.sctp = [=] { return has_sctp; };
    return to_text(check(file, "f", Strictness::liberal, {}, look), "f", Format::text);
  };
  EXPECT_THAT(said(text, false),
              testing::HasSubstr("f:6: check: warning: the kernel of this machine has no SCTP: "));
  EXPECT_EQ(said(text, true), "f: good\n");
  EXPECT_EQ(said(kGood, false), "f: good\n") << "who does not need it is not bothered";
}

TEST(Check, AMachineThatIsNeitherDirectorIsTold) {
  const auto said = [](const std::string& text, const char* own) {
    LookHere look;
    look.has_address = [=](const Address& address) { return address == Address::parse(own); };
    const auto report = check(text, "f", Strictness::liberal, {}, look);
    EXPECT_TRUE(report.good) << "it may be a workstation";
    return to_text(report, "f", Format::text);
  };
  const std::string two = "backup_active = 0\nbackup = 192.0.2.3\n" + kGood;
  EXPECT_EQ(said(two, "192.0.2.2"), "f: good\n");
  EXPECT_EQ(said(two, "192.0.2.3"), "f: good\n");
  EXPECT_THAT(said(two, "192.0.2.4"),
              testing::StartsWith("f:3: primary: warning: this machine is neither director: it has "
                                  "neither the address of primary, 192.0.2.2, nor that of backup, "
                                  "192.0.2.3: pulse would not start here"));
  EXPECT_THAT(
      said(kGood, "192.0.2.4"),
      testing::StartsWith("f:1: primary: warning: this machine is not the director: it does "
                          "not have the address of primary, 192.0.2.2: pulse would not"));
}

TEST(Check, OfAMarkAndAnAddressThatShareAPortExpressKnowsTheAddress) {
  const auto said = [](const std::string& first_packet, const std::string& more) {
    const std::string text =
        first_packet + kGood +
        "virtual shop {\nactive = 1\naddress = 192.0.2.10 eth0:1\nfwmark = 7\n" + more +
        "server s {\naddress = 10.0.0.1\nactive = 1\n}\n}\n";
    return to_text(check(text, "f", Strictness::liberal), "f", Format::text);
  };
  const std::string express = "first_packet = express\n";
  EXPECT_THAT(
      said(express, "mark_ports = tcp/443 tcp/79:81\n"),
      testing::StartsWith("f:15: mark_ports: warning: first_packet = express gives what has "
                          "this mark to web (line 3) where"));
  EXPECT_THAT(said(express, ""), testing::StartsWith("f:11: mark_ports: warning: first_packet"))
      << "marked by rules that nobody shows";
  EXPECT_EQ(said(express, "mark_ports = tcp/443 udp/80\n"), "f: good\n");
  EXPECT_EQ(said(express, "port = 443\npersistent = 60\n"), "f: good\n");
}

TEST(Check, AServiceWhosePortAnotherMarksIsToldThatNothingComesToIt) {
  const auto said = [](const std::string& globals, const std::string& port,
                       const std::string& more) {
    std::string text = globals + kGood +
                       "virtual shop {\nactive = 1\naddress = 192.0.2.10 eth0:1\nfwmark = 7\n" +
                       more + "server s {\naddress = 10.0.0.1\nactive = 1\n}\n}\n";
    text.insert(text.find("     server"), port);
    return to_text(check(text, "f", Strictness::liberal), "f", Format::text);
  };
  const std::string remark =
      "port: warning: nothing comes to this service: shop (line 11) marks what is for its address "
      "and port, and a service by mark goes first: ";
  EXPECT_THAT(said("", "port = 80\n", "mark_ports = tcp/443 tcp/79:81\n"),
              testing::StartsWith("f:5: " + remark));
  EXPECT_THAT(said("core = kernel\nfirst_packet = express\n", "", "mark_ports = tcp/80\n"),
              testing::HasSubstr("nothing comes to this service: shop (line 12)"))
      << "express is nothing to the kernel's";
  EXPECT_EQ(said("", "port = 80\n", "mark_ports = tcp/443 udp/80\n"), "f: good\n");
  EXPECT_THAT(said("", "port = 80\n", ""), Not(testing::HasSubstr("nothing comes")))
      << "who is marked, nobody knows";
  EXPECT_EQ(said("", "port = 0\npersistent = 60\ncheck = none\n", "mark_ports = tcp/80\n"),
            "f: good\n")
      << "it has the other ports";
}

TEST(Check, ASwitchThatNobodySetsIsTold) {
  const auto said = [](const std::string& globals) {
    return to_text(check(globals + kGood, "f", Strictness::liberal), "f", Format::text);
  };
  EXPECT_THAT(said("manage_sysctls = 0\ndrop_entry = 1\n"),
              testing::StartsWith("f:2: drop_entry: warning: not in effect with manage_sysctls = "
                                  "0: the switch is yours to set (lvsadm --setting drop_entry)"));
  EXPECT_THAT(said("manage_sysctls = 0\nconntrack = 1\n"), testing::StartsWith("f:2: conntrack: "));
  EXPECT_EQ(said("drop_entry = 1\nconntrack = 1\n"), "f: good\n");
}

TEST(Check, WhatIsSwitchedOffIsCounted) {
  std::string text = kGood;
  text.insert(text.rfind('}'), "server b {\nactive = 0\n}\n");
  const auto report = check(text + "virtual v {\nactive = 0\n}\nvirtual w { active = 0 }\n", "f",
                            Strictness::liberal);
  EXPECT_TRUE(report.good);
  EXPECT_EQ(to_text(report, "f", Format::text),
            "f: good; switched off by active = 0: 2 virtuals and 1 server\n");
  EXPECT_THAT(to_text(report, "f", Format::json),
              testing::HasSubstr("\"virtuals_off\":2,\"servers_off\":1"));
}

TEST(Check, WarningsDoNotMakeItBadButAreCounted) {
  const auto report = check("keepalive = 9\n" + kGood, "f", Strictness::liberal);
  EXPECT_TRUE(report.good);
  EXPECT_EQ(
      to_text(report, "f", Format::text),
      "f:1: keepalive: warning: a late heartbeat would be a takeover: expected less than half of "
      "deadtime; heartbeats are sent every 1666 ms, a third of it\n"
      "f: good, 1 warning\n");
}

TEST(Check, TheKeyOfTwoDirectorsIsLookedAt) {
  const std::string two = "backup_active = 1\nbackup = 192.0.2.3\nnetwork = direct\n" + kGood;
  const auto said = [&](const std::string& text, const KeyFile& key) {
    const auto report = check(text, "f", Strictness::liberal, {},
                              {[&](const std::string& path) {
                                 KeyFile looked = key;
                                 looked.path = path;
                                 return looked;
                               },
                               {}});
    EXPECT_TRUE(report.good);
    return to_text(report, "f", Format::text);
  };
  const std::string start =
      "f: heartbeat_key: warning: heartbeat key /etc/sysconfig/ha/heartbeat.key: ";
  EXPECT_THAT(said(two, {"", ENOENT}),
              testing::StartsWith(start + "No such file or directory; make it with `lvsctl key`"));
  EXPECT_THAT(said(two, {"", 0, true, 0, 0644, 65}),
              testing::StartsWith(start + "must belong to root alone: "));
  EXPECT_THAT(said(two, {"", 0, true, 1000, 0600, 65}),
              testing::StartsWith(start + "must belong to root alone: "));
  EXPECT_THAT(said(two, {"", 0, true, 0, 0600, 5}),
              testing::StartsWith(start + "expected 16 to 4096 bytes, not 5"));
  EXPECT_THAT(said(two, {"", 0, false, 0, 0600, 65}),
              testing::StartsWith(start + "not a plain file"));
  EXPECT_EQ(said(two, {"", 0, true, 0, 0600, 65}), "f: good\n");
  EXPECT_EQ(said(two, {"", EACCES}), "f: good\n") << "who may not look at it learns nothing";
  EXPECT_EQ(said(kGood, {"", ENOENT}), "f: good\n") << "one director needs none";
  EXPECT_EQ(said("heartbeat_key = none\n" + two, {"", ENOENT}), "f: good\n");
  EXPECT_THAT(said("heartbeat_key = none\nheartbeat_key_next = /k2\n" + two, {"", ENOENT}),
              testing::StartsWith("f:2: heartbeat_key_next: warning: heartbeat key /k2: No such"));
}

TEST(Check, AFileWithoutItsEndIsNotGood) {
  const auto report = check(kGood.substr(0, kGood.size() - 2), "f", Strictness::liberal);
  EXPECT_FALSE(report.good);
  EXPECT_THAT(to_text(report, "f", Format::text), ::testing::EndsWith("f: not good, cut short\n"));
}

TEST(Check, WhatTheCoreCannotServeMakesItBad) {
  std::string text =
      kGood + "virtual phone {\nactive = 1\naddress = 192.0.2.11 eth0:1\nport = 5060\n";
  for (int i = 0; i <= 1024; ++i) {
    text += "server s" + std::to_string(i) + " {\naddress = 10.0." + std::to_string(i / 250) + "." +
            std::to_string(1 + i % 250) + "\nactive = 1\n}\n";
  }
  text += "}\n";
  const auto report = check(text, "f", Strictness::liberal);
  EXPECT_FALSE(report.good);
  EXPECT_THAT(
      to_text(report, "f", Format::text),
      ::testing::HasSubstr("virtual: unsupported: the embedded core holds no more than 1024 "
                           "servers of one service: core = kernel does\n"
                           "f: not good, 1 thing that its core cannot serve\n"));
  EXPECT_TRUE(check("core = kernel\n" + text, "f", Strictness::liberal).good);
}

TEST(Check, OnlyStrictMindsWhatPiranhaRefuses) {
  const std::string text = "keepalive=2\n" + kGood;
  EXPECT_TRUE(check(text, "f", Strictness::liberal).good);
  EXPECT_TRUE(check(text, "f", Strictness::liberal).diagnostics.empty());
  const auto strict = check(text, "f", Strictness::strict);
  EXPECT_FALSE(strict.good);
  EXPECT_EQ(to_text(strict, "f", Format::text),
            "f:1: keepalive: strict: expected a blank before the =\n"
            "f:1: keepalive: strict: expected a blank behind the =\n"
            "f: not good, 2 things that Piranha refuses\n");
}

TEST(Check, JsonSaysTheSame) {
  const auto report = check("keepalive = x\n" + kGood, "f", Strictness::liberal);
  const auto value = boost::json::parse(to_text(report, "f", Format::json)).as_object();
  EXPECT_FALSE(value.at("good").as_bool());
  const auto& first = value.at("diagnostics").as_array().at(0).as_object();
  EXPECT_EQ(first.at("line").as_int64(), 1);
  EXPECT_EQ(first.at("key").as_string(), "keepalive");
  EXPECT_EQ(first.at("severity").as_string(), "error");
}

}  // namespace
}  // namespace lvs::lvsctl
