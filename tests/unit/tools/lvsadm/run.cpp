// Commands against a core that remembers what it was asked: exit statuses, error texts, what is
// printed where.
#include "tools/lvsadm/run.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

#include "common/ipvs/client.h"
#include "tests/unit/tools/lvsadm/table.h"
#include "tests/unit/tools/lvsadm/words.h"

namespace lvs::lvsadm {
namespace {

using namespace ipvs;

// Answers listings from the test's table, refuses or accepts changes; asked over the real codec.
struct TestCore {
  std::vector<Request> changes;
  int refusal = 0;  // errno of every change, 0: accepted
  std::string refusal_text;

  Result<Reply> operator()(const Request& request) {
    if (std::holds_alternative<GetInfo>(request)) {
      return Reply{Info{}};
    }
    if (std::holds_alternative<GetServices>(request)) {
      return services([](const ServiceKey&) { return true; });
    }
    if (const auto* one = std::get_if<GetService>(&request)) {
      return services([&](const ServiceKey& key) { return key == one->key; });
    }
    if (const auto* dests = std::get_if<GetDests>(&request)) {
      return dests_of(dests->service);
    }
    if (std::holds_alternative<KillConnections>(request)) {
      return Reply{std::get<KillConnections>(request).from == 0 ? Killed{3, 7} : Killed{2, 0}};
    }
    changes.push_back(request);
    if (refusal != 0) {
      return Error{refusal, refusal_text};
    }
    return Reply{Ack{}};
  }

  template <typename Filter>
  static Result<Reply> services(Filter filter) {
    std::vector<ServiceStatus> all;
    for (const ListedService& listed : test::table()) {
      if (filter(listed.service.key)) {
        all.push_back(listed.service);
      }
    }
    if (all.empty()) {
      return Error{ESRCH, ""};
    }
    return Reply{std::move(all)};
  }

  static Result<Reply> dests_of(const ServiceKey& key) {
    for (const ListedService& listed : test::table()) {
      if (listed.service.key == key) {
        return Reply{listed.dests};
      }
    }
    return Reply{std::vector<DestStatus>{}};
  }
};

Outcome run_line(const std::string& line, TestCore& core, const std::string& input = "") {
  const auto client = std::make_shared<Client>(std::make_unique<InProcessTransport>(
      [&core](const Request& request) { return core(request); }));
  const auto parsed = parse(test::words(line), test::resolver());
  return run(std::get<Command>(parsed),
             {[client](const Request& request) { return client->call(request); }, Names{},
              test::resolver(), input});
}

TEST(Run, AChangeIsOneRequestAndSaysNothing) {
  TestCore core;
  const Outcome outcome = run_line("-D -f 80", core);
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(outcome.out + outcome.err, "");
  EXPECT_EQ(core.changes, (std::vector<Request>{DelService{MarkKey{80, Family::v4}}}));
}

TEST(Run, RefusalsReadAsIpvsadms) {
  const std::tuple<const char*, int, const char*> kCases[] = {
      {"-A -t 192.0.2.1:80", EEXIST, "Service already exists\n"},
      {"-A -t 192.0.2.1:80", ENOENT, "Scheduler or persistence engine not found\n"},
      {"-E -t 192.0.2.1:80", ESRCH, "No such service\n"},
      {"-D -t 192.0.2.1:80", ESRCH, "No such service\n"},
      {"-Z -t 192.0.2.1:80", ESRCH, "No such service\n"},
      {"-a -t 192.0.2.1:80 -r 10.0.0.1", ESRCH, "Service not defined\n"},
      {"-a -t 192.0.2.1:80 -r 10.0.0.1", EEXIST, "Destination already exists\n"},
      {"-a -t 192.0.2.1:80 -r 10.0.0.1", ERANGE, "Numerical result out of range\n"},
      {"-e -t 192.0.2.1:80 -r 10.0.0.1", ENOENT, "No such destination\n"},
      {"-d -t 192.0.2.1:80 -r 10.0.0.1", ENOENT, "No such destination\n"},
      {"-d -t 192.0.2.1:80 -r 10.0.0.1", ESRCH, "Service not defined\n"},
      {"--start-daemon master --mcast-interface lo", EEXIST, "Daemon has already run\n"},
      {"--stop-daemon master", ESRCH, "No daemon is running\n"},
      {"-C", EPERM, "Permission denied (you must be root)\n"},
      {"-C", EINVAL,
       "Invalid operation.  Possibly wrong module version, address not unicast, ...\n"},
  };
  for (const auto& [line, code, text] : kCases) {
    TestCore core{.refusal = code};
    const Outcome outcome = run_line(line, core);
    EXPECT_EQ(outcome.status, 255) << line;
    EXPECT_EQ(outcome.err, text) << line;
  }
}

TEST(Run, WhereIpvsadmHasNoWordsTheCoresOwnAreShown) {
  TestCore core{.refusal = ENOSPC, .refusal_text = "65536 services are the limit"};
  EXPECT_EQ(run_line("-A -f 9", core).err, "add service FWM 9: 65536 services are the limit\n");
}

TEST(Run, TheWholeTableHasAHeadingASingleServiceHasNot) {
  TestCore core;
  EXPECT_TRUE(run_line("-L -n", core)
                  .out.starts_with("IP Virtual Server version 1.2.1 (size=4096)\nProt "));
  EXPECT_EQ(run_line("-L -n -u 192.0.2.1:5060", core).out,
            "Prot LocalAddress:Port Scheduler Flags\n"
            "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n"
            "UDP  192.0.2.1:5060 rr persistent 60 pe sip ops\n");
}

TEST(Run, ListingAServiceThatIsNotThereIsStatusOne) {
  TestCore core;
  const Outcome outcome = run_line("-L -n -f 99", core);
  EXPECT_EQ(outcome.status, 1);
  EXPECT_EQ(outcome.err, "No such service\n");
}

TEST(Run, NosortKeepsTheCoresOrder) {
  TestCore core;
  const std::string text = run_line("-L -n --nosort", core).out;
  EXPECT_LT(text.find("FWM  81"), text.find("FWM  80"));
  EXPECT_LT(text.find("10.0.0.10:80"), text.find("10.0.0.3:8080"));
}

TEST(Run, JsonIsOneObject) {
  TestCore core;
  const std::string text = run_line("-L --json -f 80", core).out;
  EXPECT_TRUE(text.starts_with(
      "{\"connection_table_size\":4096,\"services\":[{\"mark\":80,\"family\":\"IPv4\""))
      << text;
  EXPECT_NE(text.find("\"address\":\"10.0.0.7\",\"port\":0,\"forward\":\"Route\",\"weight\":1"),
            std::string::npos)
      << text;
}

TEST(Run, KillSaysHowManyOfAllParts) {
  TestCore core;
  EXPECT_EQ(run_line("--kill 10.0.0.5/32", core).out, "5 connections of 10.0.0.5/32 ended\n");
}

TEST(Run, ARestoreWithAWrongLineChangesNothing) {
  TestCore core;
  const Outcome outcome = run_line("-R", core, "-A -f 1\n-A -f x\n");
  EXPECT_EQ(outcome.status, 2);
  EXPECT_EQ(outcome.err, "line 2: invalid fwmark value `x' specified\nnothing restored\n");
  EXPECT_TRUE(core.changes.empty());
}

TEST(Run, ARestoreGoesOnAfterARefusalAndSaysSo) {
  TestCore core{.refusal = EEXIST};
  const Outcome outcome = run_line("-R", core, "-A -f 1\n\n-A -f 2\n");
  EXPECT_EQ(outcome.status, 255);
  EXPECT_EQ(outcome.err, "line 1: Service already exists\nline 3: Service already exists\n");
  EXPECT_EQ(core.changes.size(), 2U);
}

TEST(Run, OnlyListingsLeaveATableAsItIs) {
  const auto reads = [](const std::string& line) {
    return only_reads(std::get<Command>(parse(test::words(line), test::resolver())));
  };
  for (const char* line :
       {"", "-L -n", "-L -c", "-L --timeout", "-L --daemon", "-S -n", "--drops", "--deny"}) {
    EXPECT_TRUE(reads(line)) << line;
  }
  for (const char* line :
       {"-A -f 1", "-D -f 1", "-C", "-Z", "-R", "--set 1 1 1", "--kill 10.0.0.1"}) {
    EXPECT_FALSE(reads(line)) << line;
  }
}

// A packet to a persistent service, as an embedded core may answer.
Whereabouts whereabouts() {
  return {
      .by = ChosenBy::persistence,
      .service = AddressKey{Protocol::tcp, *Address::parse("192.0.2.1"), 80},
      .scheduler = "wlc",
      .server = Endpoint{*Address::parse("10.0.0.2"), 8080},
      .weight = 3,
      .active = 4,
      .inactive = 5,
      .persistence = Whereabouts::Template{*Address::parse("192.0.2.0"), 24, 250},
      .way = {
          .device = "eth1", .next_hop = Address::parse("10.0.0.2"), .mac = "02:00:00:00:00:02"}};
}

Outcome run_where(const std::string& line, const Result<Whereabouts>& answer,
                  const Result<std::string>& mangle = std::string()) {
  const auto command = std::get<Command>(parse(test::words(line), test::resolver()));
  return run(command, {.where = [&](const WherePacket&) { return answer; },
                       .mangle = [&](Family) { return mangle; }});
}

TEST(Run, WhereIsToldInWords) {
  const auto outcome = run_where("--where 192.0.2.9:4000 192.0.2.1:80 7", whereabouts());
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(outcome.out,
            "packet      TCP 192.0.2.9:4000 -> 192.0.2.1:80, mark 7\n"
            "marked by   the question\n"
            "service     TCP 192.0.2.1:80, wlc\n"
            "template    of 192.0.2.0/24, for 250 s more\n"
            "server      10.0.0.2:8080, weight 3, 4 active, 5 inactive\n"
            "chosen by   the template of its client, for 250 s more\n"
            "way         Masq, by device eth1 to 10.0.0.2 (02:00:00:00:00:02)\n");
}

TEST(Run, WhereNoMarkIsTypedItIsTheOneOfLvsdsRules) {
  const std::string mangle =
      "*mangle\n:LVS - [0:0]\n-A PREROUTING -j LVS\n"
      "-A LVS -d 192.0.2.1/32 -p tcp -m multiport --dports 80,443 -j MARK --set-xmark "
      "0x50/0xffffffff\n"
      "-A PREROUTING -d 192.0.2.2/32 -p tcp -m tcp --dport 80 -j MARK --set-xmark "
      "0x51/0xffffffff\nCOMMIT\n";
  const auto marked = [&](const std::string& line, const std::string& rules) {
    const auto outcome = run_where("--where 192.0.2.9:4000 " + line, whereabouts(), rules);
    const size_t mark = outcome.out.find(", mark");
    return mark == std::string::npos
               ? std::string()
               : outcome.out.substr(mark, outcome.out.find("\nservice") - mark);
  };
  EXPECT_EQ(marked("192.0.2.1:80", mangle),
            ", mark 80\nmarked by   lvsd's rule -A LVS -d 192.0.2.1/32 -p tcp -m multiport "
            "--dports 80,443 -j MARK --set-xmark 0x50/0xffffffff");
  EXPECT_EQ(marked("192.0.2.1:443", mangle).substr(0, 9), ", mark 80");
  EXPECT_EQ(marked("192.0.2.1:80 7", mangle), ", mark 7\nmarked by   the question");
  EXPECT_EQ(marked("192.0.2.1:81", mangle), "");
  EXPECT_EQ(marked("-u 192.0.2.1:80", mangle), "");
  EXPECT_EQ(marked("192.0.2.2:80", mangle), "") << "another's rule";
  std::string unhooked = mangle;
  unhooked.erase(unhooked.find("-A PREROUTING -j LVS\n"), 21);
  EXPECT_EQ(marked("192.0.2.1:80", unhooked), "") << "nobody comes to the rules";
  EXPECT_EQ(run_where("--where 192.0.2.9:4000 192.0.2.1:80", whereabouts(), Error{EPERM, "no"}).err,
            "lvsadm: asked without a mark: no\n");
}

TEST(Run, WhereAPacketIsRefusedIsStatusOneWithTheReason) {
  Whereabouts answer;
  answer.refusal = "passed-no-service";
  const auto outcome = run_where("--where 192.0.2.9:4000 192.0.2.1:80", answer);
  EXPECT_EQ(outcome.status, 1);
  EXPECT_EQ(outcome.out,
            "packet      TCP 192.0.2.9:4000 -> 192.0.2.1:80\n"
            "refused     passed-no-service: no virtual service is for it\n");
  EXPECT_NE(run_where("--where 192.0.2.9:4000 192.0.2.1:80 --json", answer)
                .out.find("\"forwarded\":false,\"chosen_by\":\"nobody\","
                          "\"refused\":\"passed-no-service\""),
            std::string::npos);
}

TEST(Run, WhereNobodyCanBeAskedIsStatusTwo) {
  const auto outcome = run_where("--where 192.0.2.9:4000 192.0.2.1:80", Error{ENOENT, kNoWhere});
  EXPECT_EQ(outcome.status, 2);
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(outcome.err, std::string(kNoWhere) + "\n");
}

TEST(Run, WhereATableIsFullIsSaid) {
  Whereabouts answer = whereabouts();
  answer.full = "connection-table-full";
  EXPECT_NE(run_where("--where 192.0.2.9:4000 192.0.2.1:80", answer)
                .out.find("full        connection-table-full: another entry must end first"),
            std::string::npos);
}

TEST(Run, WhereOtherProgramsForwardIsSaid) {
  Whereabouts answer = whereabouts();
  answer.is_other_program = true;
  EXPECT_EQ(run_where("--where 192.0.2.9:4000 192.0.2.1:80", answer).err, kOtherProgramNote);
}

// As lvsd says what it keeps.
Kept kept_web(const std::string& core = "embedded") {
  return kept_in(
      boost::json::parse(R"({"ok":true,"core":"embedded","file":"/etc/lvs.cf","services":{
      "TCP 192.0.2.1:80":{"line":12,"servers":{"10.0.0.1:80":17}},
      "FWM 7":{"line":30,"servers":{}}}})")
          .as_object(),
      core);
}

TEST(Run, WhatLvsdKeepsAndWillSetBackIsSaidAtOnce) {
  const auto said = [](const std::string& line, const Kept& kept) {
    const auto command = std::get<Command>(parse(test::words(line), test::resolver()));
    const auto outcome = run(command, {.core = [](const Request&) { return Reply(Ack{}); },
                                       .kept = [&] { return kept; }});
    EXPECT_EQ(outcome.status, 0) << "it is done all the same";
    EXPECT_EQ(outcome.out, "");
    return outcome.err.substr(0, outcome.err.find(" says"));
  };
  const std::string start = "lvsadm: warning: lvsd keeps ";
  const std::string web = " -t 192.0.2.1:80";
  EXPECT_EQ(said("-d" + web + " -r 10.0.0.1:80", kept_web()),
            start + "this server as /etc/lvs.cf:17");
  EXPECT_EQ(said("-e" + web + " -r 10.0.0.1:80 -w 0", kept_web()),
            start + "this server as /etc/lvs.cf:17");
  EXPECT_EQ(said("-a" + web + " -r 10.0.0.9:80", kept_web()),
            start + "the servers of this service as /etc/lvs.cf:12")
      << "it will be taken out";
  EXPECT_EQ(said("-E" + web + " -s rr", kept_web()), start + "this service as /etc/lvs.cf:12");
  EXPECT_EQ(said("-D -f 7", kept_web()), start + "this service as /etc/lvs.cf:30");
  EXPECT_EQ(said("-C", kept_web()), start + "2 services as /etc/lvs.cf");
  for (const char* line : {"-D -t 192.0.2.9:80", "-d -t 192.0.2.9:80 -r 10.0.0.1:80",
                           "-Z -t 192.0.2.1:80", "--set 1 1 1"}) {
    EXPECT_EQ(said(line, kept_web()), "") << line;
  }
  EXPECT_EQ(said("-D -f 7", kept_web("kernel")), "") << "lvsd drives the other core";
  EXPECT_EQ(said("-D -f 7", Kept{}), "") << "no lvsd";
}

TEST(Run, OfLinesThatAreRestoredTheFirstThatWillNotLastIsSaid) {
  const auto command = std::get<Command>(parse(test::words("-R"), test::resolver()));
  const auto outcome = run(command, {.core = [](const Request&) { return Reply(Ack{}); },
                                     .resolver = test::resolver(),
                                     .input = "-A -t 192.0.2.9:80\n-A -f 7\n-A -t 192.0.2.1:80\n",
                                     .kept = [] { return kept_web(); }});
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(outcome.err.substr(0, outcome.err.find(" says")),
            "lvsadm: warning: lvsd keeps this service as /etc/lvs.cf:30");
}

}  // namespace
}  // namespace lvs::lvsadm
