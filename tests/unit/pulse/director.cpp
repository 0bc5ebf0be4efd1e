// One director, told what happens and asked what it does. What two of them do together is told in
// tests/sim/sim_test.cpp.
#include "pulse/director.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <numeric>
#include <set>

namespace lvs::pulse {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::VariantWith;

constexpr TimePoint kStart{std::chrono::hours{1000}};
constexpr uint64_t kOwn = 100;
constexpr uint64_t kPeers = 200;
const Mac kOwnMac = {2, 0, 0, 0, 0, 0xa};
const Mac kPeerMac = {2, 0, 0, 0, 0, 0xb};
const Mac kStrangerMac = {2, 0, 0, 0, 0, 0xc};
const Address kVip = *Address::parse("192.0.2.80");
const Address kNatRouter = *Address::parse("10.0.0.254");

Settings some_settings(Node node) {
  Settings s;
  s.node = node;
  s.cluster_id = 5;
  s.keepalive = 1s;
  s.deadtime = 5s;
  s.addresses = {{kVip, "eth0", "eth0:1", {}}, {kNatRouter, "eth1", "eth1:1", {}}};
  s.paths = {"public", "private"};
  s.macs = {kOwnMac};
  s.active_cmd = "/bin/up";
  s.inactive_cmd = "/bin/down";
  return s;
}

// A director with a hand on its clock and a peer that says what the test wants.
class Bench {
 public:
  explicit Bench(Node node, Settings settings) : director(std::move(settings), kOwn) {
    peer.node = node == Node::primary ? Node::backup : Node::primary;
    peer.cluster_id = 5;
    peer.my_incarnation = kPeers;
    peer.your_incarnation = kOwn;
    peer.macs = {kPeerMac};
  }
  explicit Bench(Node node) : Bench(node, some_settings(node)) {}

  Bench& start(Started started = {}) {
    feed(LvsdChanged{true, 0});
    feed(started);
    return *this;
  }
  Bench& feed(const Event& event) {
    step = director.step(event, now);
    return *this;
  }
  Bench& hear(Role role, size_t path = 0) {
    peer.role = role;
    ++peer.sequence;
    return feed(Heard{path, peer});
  }
  // Lets time pass with the timer firing when asked for, and the peer beating if it is alive.
  Bench& pass(Duration duration, bool peer_beats = false) {
    const TimePoint until = now + duration;
    while (step.wake_at && *step.wake_at <= until) {
      now = *step.wake_at;
      feed(TimerFired{});
      if (peer_beats) {
        hear(peer.role);
      }
    }
    now = until;
    return *this;
  }

  State state() const { return director.state(); }
  template <typename A>
  int count() const {
    return static_cast<int>(
        std::count_if(step.actions.begin(), step.actions.end(),
                      [](const Action& a) { return std::holds_alternative<A>(a); }));
  }
  template <typename A>
  A first() const {
    for (const Action& action : step.actions) {
      if (const auto* found = std::get_if<A>(&action)) {
        return *found;
      }
    }
    ADD_FAILURE() << "no such action";
    return {};
  }
  // The actions of the last step as words, heartbeats with their role; what only tells of
  // them (log, notify_fifo) is left out.
  std::vector<std::string> deeds() const {
    static constexpr const char* kWords[] = {"heartbeat", "word",   "arm",      "disarm", "add",
                                             "renew",     "remove", "announce", "probe",  "tell",
                                             "run",       "keep",   "answer",   "exit"};
    std::vector<std::string> words;
    for (const Action& action : step.actions) {
      if (!std::holds_alternative<LogEvent>(action) && !std::holds_alternative<TellRole>(action)) {
        words.push_back(kWords[action.index()]);
      }
      if (const auto* added = std::get_if<AddAddresses>(&action)) {
        words.insert(words.end(), added->addresses.size() - 1, "add");
      }
      if (const auto* sent = std::get_if<SendHeartbeat>(&action)) {
        words.back() += std::string(" ") + name(sent->heartbeat.role);
      }
    }
    return words;
  }
  std::string log() const {
    std::string lines;
    for (const Action& action : step.actions) {
      if (const auto* event = std::get_if<LogEvent>(&action)) {
        lines += to_line(*event) + "\n";
      }
    }
    return lines;
  }

  Director director;
  TimePoint now = kStart;
  Heartbeat peer;
  Step step;
};

Bench active_primary() {
  Bench bench(Node::primary);
  bench.start().hear(Role::passive);
  return bench;
}

Bench standby_backup() {
  Bench bench(Node::backup);
  bench.start().hear(Role::active);
  return bench;
}

TEST(Director, StartsPassiveAndSaysSo) {
  Bench bench(Node::backup);
  bench.start();
  EXPECT_EQ(bench.state(), State::listening);
  EXPECT_THAT(bench.deeds(), ElementsAre("run", "heartbeat passive"));
  EXPECT_THAT(bench.log(), HasSubstr("STARTING PULSE AS BACKUP"));
}

TEST(Director, AnAnswerSaysWhichHeartbeatItAnswers) {
  Bench bench(Node::backup);
  bench.start();
  bench.peer.your_incarnation = 0;
  bench.peer.sequence = 41;
  bench.hear(Role::active, 1);
  const auto answer = bench.first<SendHeartbeat>();
  EXPECT_EQ(answer.only, PathId{1});
  EXPECT_EQ(answer.heartbeat.your_incarnation, kPeers);
  EXPECT_EQ(answer.heartbeat.your_sequence, 42U);
  bench.peer.your_incarnation = kOwn;
  bench.hear(Role::active).pass(1s);
  EXPECT_EQ(bench.first<SendHeartbeat>().heartbeat.your_incarnation, kPeers);
  EXPECT_EQ(bench.first<SendHeartbeat>().heartbeat.your_sequence, 43U);
}

TEST(Director, TakesOverExactlyAtTheDeadline) {
  Bench bench = standby_backup();
  bench.pass(5s - 1ns);
  EXPECT_EQ(bench.state(), State::standby);
  EXPECT_EQ(bench.step.wake_at, kStart + 5s);
  bench.pass(1ns);
  EXPECT_EQ(bench.state(), State::active);
  EXPECT_THAT(bench.log(), HasSubstr("partner dead: activating lvs event=takeover from=standby "
                                     "to=active reason=peer-silent term=1 silent_ms=5000"));
}

TEST(Director, TakesOverInOrder) {
  Bench bench = standby_backup();
  bench.pass(5s);
  EXPECT_THAT(bench.deeds(), ElementsAre("arm", "add", "add", "announce", "announce",
                                         "heartbeat active", "keep", "run"));
  const AddAddresses add = bench.first<AddAddresses>();
  EXPECT_EQ(add.lifetime, 4s);
  EXPECT_EQ(add.perform_before, bench.now + 4s);
}

TEST(Director, StandsDownInOrder) {
  Bench bench = active_primary();
  bench.feed(LinkChanged{"eth0", false}).pass(100ms);
  bench.feed(LinkChanged{"eth1", false}).pass(kSettleMax - 100ms, true);
  EXPECT_EQ(bench.state(), State::handing_over);  // eth1 still carries an address.
  bench.now += 100ms;
  bench.feed(TimerFired{});
  EXPECT_EQ(bench.state(), State::standby);
  EXPECT_THAT(bench.deeds(), ElementsAre("remove", "remove", "disarm", "heartbeat passive", "run"));
  EXPECT_THAT(bench.log(), HasSubstr("Local NIC link failure: Pulse disabled"));
}

TEST(Director, ADeviceThatIsGoneIsToldApartFromOneThatIsDown) {
  Bench bench = standby_backup();
  bench.feed(LinkChanged{"eth0", false, false}).feed(LinkChanged{"eth1", false});
  const Status status = bench.director.status(bench.now);
  EXPECT_THAT(status.links_down, ElementsAre("eth0", "eth1"));
  EXPECT_THAT(status.links_missing, ElementsAre("eth0"));
}

TEST(Director, BackInTouchItListensBeforeItJudgesSilence) {
  Bench bench = active_primary();
  bench.feed(LinkChanged{"eth0", false}).feed(LinkChanged{"eth1", false}).pass(100s);
  EXPECT_EQ(bench.state(), State::standby);
  bench.feed(LinkChanged{"eth0", true}).pass(5s - 1ns);
  EXPECT_EQ(bench.state(), State::standby);
  bench.hear(Role::active).pass(4s);
  EXPECT_EQ(bench.state(), State::standby);
}

TEST(Director, AnUnablePeerIsRelievedAtOnceButOnlyByAnAbleOne) {
  Bench able = standby_backup();
  able.peer.reasons = kNoServiceLink;
  EXPECT_EQ(able.hear(Role::passive).state(), State::active);
  Bench unable = standby_backup();
  unable.feed(LvsdChanged{false, 3});
  unable.peer.reasons = kNoServiceLink;
  EXPECT_EQ(unable.hear(Role::passive).state(), State::standby);
  unable.pass(60s);
  EXPECT_EQ(unable.state(), State::standby);
}

TEST(Director, TwoAblePassiveDirectorsDoNotBothJump) {
  EXPECT_EQ(Bench(Node::primary).start().hear(Role::passive).state(), State::active);
  EXPECT_EQ(Bench(Node::backup).start().hear(Role::passive).state(), State::standby);
}

TEST(Director, ABackupGivesThePrimarysLvsdTimeToStart) {
  for (const uint32_t starting : {uint32_t{kLvsdStarting}, kLvsdStarting | kNoWitness}) {
    Bench bench(Node::backup);
    bench.start();
    bench.peer.reasons = starting;
    bench.hear(Role::passive).pass(4900ms, true);
    EXPECT_EQ(bench.state(), State::standby) << starting;
    bench.pass(100ms, true);
    EXPECT_EQ(bench.state(), State::active);
  }
  Bench beside_a_lost_link(Node::backup);
  beside_a_lost_link.start();
  beside_a_lost_link.peer.reasons = kLvsdStarting | kServiceLinkDown;
  EXPECT_EQ(beside_a_lost_link.hear(Role::passive).state(), State::active) << "that will not pass";
}

// lvsd may not have read it yet: an active peer that has would compare its count with an old one.
TEST(Director, WhatWasToldOfServicesIsNotToldOfANewConfiguration) {
  Bench bench = standby_backup();
  bench.feed(ServicesChanged{0, 0, 0});
  EXPECT_EQ(bench.first<SendHeartbeat>().heartbeat.unserved, 0);
  Settings next = some_settings(Node::backup);
  next.config_digest += 1;
  bench.feed(Reconfigured{next});
  EXPECT_EQ(bench.first<SendHeartbeat>().heartbeat.unserved, std::nullopt);
  bench.hear(Role::active).pass(kServicesSettle - 1ms, true);
  EXPECT_EQ(bench.director.status(bench.now).unserved, std::nullopt);
  bench.pass(1ms, true);
  EXPECT_EQ(bench.director.status(bench.now).unserved, 0);
}

Settings with_services(Node node) {
  Settings settings = some_settings(node);
  settings.services = 8;
  return settings;
}

TEST(Director, AStandbyThatServedNobodyTellsSoUntilItKnowsMore) {
  Bench bench(Node::backup, with_services(Node::backup));
  bench.start().hear(Role::active).feed(ServicesChanged{0, 8, 8}).pass(1s, true);
  Settings next = with_services(Node::backup);
  next.config_digest += 1;
  next.services = 9;
  bench.feed(Reconfigured{next});
  EXPECT_EQ(bench.first<SendHeartbeat>().heartbeat.unserved, 9);
  bench.feed(ServicesChanged{0, {}, {}}).hear(Role::active).pass(kServicesSettle, true);
  EXPECT_EQ(bench.director.status(bench.now).unserved, 9) << "nanny is away";
  bench.feed(ServicesChanged{0, 1, 1});
  EXPECT_EQ(bench.director.status(bench.now).unserved, 1);
  bench.feed(ServicesChanged{0, {}, {}});
  EXPECT_EQ(bench.director.status(bench.now).unserved, std::nullopt);
}

// With standby_monitoring = 0 it learns nothing more as long as it is passive.
TEST(Director, AStandbyDoesNotServeNobodyForEver) {
  Bench bench(Node::backup, with_services(Node::backup));
  bench.start().hear(Role::active).feed(ServicesChanged{0, 8, 8}).feed(ServicesChanged{});
  bench.pass(kNobodyKept - 1s, true);
  EXPECT_EQ(bench.director.status(bench.now).unserved, 8);
  bench.pass(1s, true);
  EXPECT_EQ(bench.director.status(bench.now).unserved, std::nullopt);
}

ServicesChanged services(uint16_t if_active, uint16_t if_standby) {
  return {0, if_active, if_standby};
}

TEST(Director, CountsFailingServicesAsItsRoleAsks) {
  Bench bench(Node::backup, with_services(Node::backup));
  bench.start().hear(Role::active);
  ServicesChanged told = services(1, 3);
  told.failing = {5, 6, 7};
  bench.feed(told);
  EXPECT_EQ(bench.first<SendHeartbeat>().heartbeat.unserved, 3);
  EXPECT_THAT(bench.first<SendHeartbeat>().heartbeat.failing, ElementsAre(5U, 6U, 7U));
  bench.peer.goodbye = true;
  bench.hear(Role::passive);
  ASSERT_EQ(bench.state(), State::active);
  bench.feed(TimerFired{});
  EXPECT_EQ(bench.first<SendHeartbeat>().heartbeat.unserved, 1);
  EXPECT_THAT(bench.first<SendHeartbeat>().heartbeat.failing, testing::IsEmpty());
}

// A primary that serves, beside a passive peer that knows what it can serve.
Bench serving_beside(uint16_t peers_unserved, std::vector<ServiceId> peers_failing) {
  Bench bench(Node::primary, with_services(Node::primary));
  bench.start();
  bench.peer.unserved = peers_unserved;
  bench.peer.failing = std::move(peers_failing);
  bench.hear(Role::passive).feed(services(0, 0)).pass(5s, true);
  EXPECT_EQ(bench.state(), State::active);
  return bench;
}

TEST(Director, WhatItDoubtsItselfIsNotHeldAgainstThePeer) {
  for (const ServiceId doubted : {ServiceId{7}, ServiceId{8}}) {
    Bench bench = serving_beside(1, {7});
    ServicesChanged told = services(1, 2);
    told.doubtful = {doubted};
    bench.feed(told);
    EXPECT_EQ(bench.state() == State::handing_over, doubted == 7);
  }
}

// Before who serves believes it. The file may differ: it is known by the same name.
TEST(Director, AServerThatFailsForBothDoesNotHinderASwitchoverUnderOtherFiles) {
  Bench bench(Node::primary, with_services(Node::primary));
  bench.start();
  bench.peer.config_digest += 1;
  bench.peer.unserved = 8;
  bench.peer.failing = {1, 2, 3, 4, 5, 6, 7, 8};
  bench.hear(Role::passive).feed(services(0, 8)).pass(5s, true);
  bench.feed(Switchover{});
  EXPECT_EQ(bench.state(), State::active);
  ServicesChanged told = services(0, 8);
  told.doubtful = {1};
  bench.feed(told).feed(Switchover{});
  EXPECT_EQ(bench.state(), State::handing_over);
}

// Both read a new file; neither number is known, and a link is gone here.
TEST(Director, AReloadMovesNothingToAPeerThatServesNobody) {
  Bench bench = serving_beside(8, {});
  Settings next = with_services(Node::primary);
  next.config_digest += 1;
  bench.peer.config_digest += 1;
  bench.feed(Reconfigured{next}).feed(LinkChanged{"eth1", false}).hear(Role::passive);
  bench.pass(kServicesSettle - 100ms, true);
  EXPECT_EQ(bench.state(), State::active);
}

TEST(Director, AReloadOfItsPeerBringsNoRoleBackToOneThatServesNobody) {
  Settings settings = with_services(Node::primary);
  settings.failback.enabled = true;
  Bench bench(Node::primary, settings);
  bench.start();
  bench.peer.unserved = 0;
  bench.feed(services(8, 8)).hear(Role::active).pass(settings.failback.able_for, true);
  bench.peer.unserved.reset();
  bench.hear(Role::active).pass(kServicesSettle, true);
  bench.now += settings.keepalive;
  bench.feed(TimerFired{});
  EXPECT_FALSE(bench.first<SendHeartbeat>().heartbeat.asking);
}

// Servers that fail move nobody, and least of all to one that does not know.
TEST(Director, OneThatServesNobodyDoesNotHandOverToOneThatDoesNotKnow) {
  Bench bench = serving_beside(0, {});
  bench.peer.unserved.reset();
  bench.hear(Role::passive).feed(services(8, 8));
  EXPECT_EQ(bench.state(), State::active);
}

TEST(Director, AMomentsDoubtIsNoReasonToMoveToAPeerThatFailsTheServiceByItself) {
  for (const Duration alone : {kOwnAfter - 6s, kOwnAfter}) {
    Bench bench = serving_beside(1, {7});  // For five seconds.
    bench.pass(alone, true);
    ServicesChanged told = services(1, 2);
    told.doubtful = {7};
    bench.feed(told);
    EXPECT_EQ(bench.state() == State::handing_over, alone < kOwnAfter);
  }
}

// What nobody sees to be served there is no reason to move.
TEST(Director, WhatThePeerMayServeIsHeldAgainstItOnlyWhereItFailsHere) {
  struct Case {
    uint64_t may_serve;
    std::vector<ServiceId> certain;
    bool moves;
  };
  const std::vector<Case> cases = {
      {1, {8}, true}, {0, {8}, false}, {1, {7}, false}, {1, {}, false}};
  for (uint64_t Heartbeat::*which : {&Heartbeat::uncheckable, &Heartbeat::recovered}) {
    for (const auto& [may_serve, certain, moves] : cases) {
      Bench bench = serving_beside(1, {7});
      bench.peer.*which = may_serve;
      bench.hear(Role::passive).pass(1s, true);
      ServicesChanged told = services(1, 1);
      told.certain = certain;
      bench.feed(told);
      EXPECT_EQ(bench.state() == State::handing_over, moves)
          << may_serve << testing::PrintToString(certain);
    }
  }
}

TEST(Director, WhatThePeerFailedByChanceIsNoTroubleOfItsOwn) {
  for (const bool has_recovered : {false, true}) {
    Bench bench = serving_beside(1, {7});
    bench.peer.recovered = has_recovered ? 1 : 0;
    bench.hear(Role::passive).pass(2 * kOwnAfter, true);
    bench.peer.recovered = 0;
    bench.hear(Role::passive);
    ServicesChanged told = services(1, 2);
    told.doubtful = {7};
    told.certain = {8};
    bench.feed(told);
    EXPECT_EQ(bench.state() == State::handing_over, has_recovered);
  }
}

// One of its services passes again.
TEST(Director, WhoIsCutOffHandsOverToAPeerThatFailsTheRest) {
  for (const uint64_t recovered : {0, 1}) {
    Settings settings = with_services(Node::primary);
    settings.witness = true;
    Bench bench(Node::primary, settings);
    bench.peer.unserved = settings.services;
    bench.peer.failing = {1, 2, 3, 4, 5, 6, 7, 8};
    bench.peer.recovered = recovered;
    bench.start().feed(WitnessChanged{true}).hear(Role::passive).feed(services(0, 0));
    bench.pass(5s, true);
    ASSERT_EQ(bench.state(), State::active);
    bench.feed(WitnessChanged{false});
    EXPECT_EQ(bench.state() == State::handing_over, recovered == 1);
  }
}

// Its handover ends since the peer is silent, and a silent peer is what lets one that is cut off
// let go: not at the next event, whenever that comes.
TEST(Director, WhoIsCutOffWhileItHandsOverLetsGoInTheSameMoment) {
  Settings settings = some_settings(Node::primary);
  settings.keepalive = 100ms;
  settings.deadtime = 400ms;
  settings.heartbeat_devices = {"eth0"};
  Bench bench(Node::primary, settings);
  bench.start().hear(Role::passive).pass(1s, true).feed(LinkChanged{"eth0", false});
  const auto pass_while = [&bench](State state) {
    while (bench.state() == state && bench.now < kStart + 20s) {
      bench.now = *bench.step.wake_at;
      bench.feed(TimerFired{});
    }
  };
  pass_while(State::active);
  ASSERT_EQ(bench.state(), State::handing_over);
  pass_while(State::handing_over);
  EXPECT_EQ(bench.state(), State::standby);
}

TEST(Director, TellsThePeerAtOnceWhichServicesItMayServe) {
  Bench bench(Node::backup, with_services(Node::backup));
  bench.start().hear(Role::active);
  ServicesChanged told = services(0, 3);
  told.failing = {5, 6, 7};
  told.uncheckable = {6, 7};
  bench.feed(told);
  EXPECT_EQ(bench.first<SendHeartbeat>().heartbeat.uncheckable, 6U) << "the second and the third";
  told.recovered = {5};
  bench.feed(told);
  EXPECT_EQ(bench.first<SendHeartbeat>().heartbeat.recovered, 1U);
}

TEST(Director, FailbackIsAskedForThoughAServiceMayNotBeServed) {
  using List = std::vector<ServiceId> ServicesChanged::*;
  for (const List which : {List{}, &ServicesChanged::uncheckable, &ServicesChanged::recovered}) {
    Settings settings = with_services(Node::primary);
    settings.failback.enabled = true;
    Bench bench(Node::primary, settings);
    bench.start();
    bench.peer.unserved = 0;
    bench.feed(services(0, 2)).hear(Role::active).pass(2s, true);
    ServicesChanged told = services(0, 1);
    told.failing = {7};
    if (which != nullptr) {
      told.*which = {7};
    }
    bench.feed(told);
    EXPECT_EQ(bench.first<SendHeartbeat>().heartbeat.asking, which != nullptr);
  }
}

// It took over where it heard nobody; clients are with the other one, and stay.
TEST(Director, OfTwoThatServeWhoServesNobodyYieldsAlsoThePrimary) {
  for (const Node node : {Node::primary, Node::backup}) {
    for (const uint16_t fails_on_primary : {7, 8}) {
      for (const uint16_t fails_on_backup : {7, 8}) {
        const bool is_primary = node == Node::primary;
        const uint16_t own = is_primary ? fails_on_primary : fails_on_backup;
        Bench bench(node, with_services(node));
        bench.start().pass(20s);
        ASSERT_EQ(bench.state(), State::active);
        bench.feed(services(own, own));
        ASSERT_EQ(bench.director.status(bench.now).unserved, own);
        bench.peer.unserved = is_primary ? fails_on_backup : fails_on_primary;
        bench.hear(Role::active);
        const bool backup_is_to_stay = fails_on_primary == 8 && fails_on_backup == 7;
        EXPECT_EQ(bench.state() == State::active, is_primary != backup_is_to_stay)
            << name(node) << " " << fails_on_primary << " " << fails_on_backup;
      }
    }
  }
}

// What the peer fails by chance passes again soon.
TEST(Director, ASwitchoverWaitsForAMomentInWhichThePeerServesAsMuch) {
  for (const bool it_recovers : {true, false}) {
    Bench bench(Node::primary, with_services(Node::primary));
    bench.start();
    bench.peer.unserved = 1;
    bench.hear(Role::passive).feed(services(0, 0)).pass(5s, true);
    bench.feed(Switchover{});
    EXPECT_TRUE(bench.first<Answer>().ok);
    EXPECT_EQ(bench.state(), State::active);
    EXPECT_TRUE(bench.director.status(bench.now).switching);
    bench.pass(2s, true);
    EXPECT_EQ(bench.state(), State::active);
    bench.peer.unserved = it_recovers ? 0 : 1;
    bench.hear(Role::passive).pass(it_recovers ? 0ms : 4s, true);
    EXPECT_EQ(bench.state(), it_recovers ? State::handing_over : State::active);
    EXPECT_FALSE(bench.director.status(bench.now).switching);
  }
}

TEST(Director, ASwitchoverThatIsUnderWayIsAskedForOnceMoreWithoutHarm) {
  Bench giving = active_primary();
  giving.hear(Role::passive).feed(Switchover{}).feed(Switchover{});
  EXPECT_TRUE(giving.first<Answer>().ok);
  EXPECT_EQ(giving.state(), State::handing_over);
  Bench taking = standby_backup();
  taking.hear(Role::handing_over).feed(Switchover{});
  EXPECT_TRUE(taking.first<Answer>().ok);
  EXPECT_EQ(taking.state(), State::preparing);
}

TEST(Director, AStandbyThatAskedAndTookOverFromSilenceKeepsTheService) {
  Bench bench = standby_backup();
  bench.feed(Switchover{}).pass(5s);
  ASSERT_EQ(bench.state(), State::active);
  EXPECT_FALSE(bench.director.status(bench.now).switching);
  bench = standby_backup();
  bench.pass(4s).feed(Switchover{}).pass(1s);
  ASSERT_EQ(bench.state(), State::active);
  bench.hear(Role::passive);
  EXPECT_EQ(bench.state(), State::active) << "what was asked for is done";
}

// The servers of one service just failed for both: for the one that serves that does not count yet.
TEST(Director, AStandbyThatIsAskedForComparesAsTheOneThatServesDoes) {
  for (const uint16_t failing_for_long : {0, 1}) {
    Bench bench(Node::backup, with_services(Node::backup));
    bench.start();
    bench.peer.unserved = 0;
    bench.hear(Role::active).feed(services(failing_for_long, 1)).feed(Switchover{});
    EXPECT_TRUE(bench.first<Answer>().ok);
    bench.pass(3s, true);
    EXPECT_EQ(bench.director.status(bench.now).switching, failing_for_long == 1)
        << "fewer services: it asks for longer, for a moment in which they pass";
    bench.pass(3s, true);
    EXPECT_FALSE(bench.director.status(bench.now).switching);
  }
}

// Two that excuse each other would wait for each other for ever.
TEST(Director, OfTwoThatDoubtTheSameThePrimaryServes) {
  Bench bench(Node::primary, with_services(Node::primary));
  ServicesChanged told = services(0, 1);
  told.failing = told.doubtful = {7};
  bench.start().feed(told);
  bench.peer.unserved = 1;
  bench.peer.failing = {7};
  EXPECT_EQ(bench.hear(Role::passive).state(), State::active);
}

TEST(Director, WhoTookOverForServersThatFailRestsThoughItDoubtsOthers) {
  Bench bench(Node::backup, with_services(Node::backup));
  bench.start();
  bench.peer.unserved = 1;
  bench.hear(Role::active);
  ServicesChanged told = services(0, 1);
  told.failing = told.doubtful = {7};
  bench.feed(told).hear(Role::handing_over).feed(CoreArmed{});
  ASSERT_EQ(bench.state(), State::active);
  bench.peer.unserved = 0;
  bench.hear(Role::passive).feed(services(1, 1)).pass(30s, true);
  EXPECT_EQ(bench.state(), State::active) << "as many fail here as did there";
  bench.feed(services(2, 2));
  EXPECT_EQ(bench.state(), State::handing_over);
}

TEST(Director, GoodbyeIsAnsweredAtOnce) {
  Bench bench = standby_backup();
  bench.peer.goodbye = true;
  bench.hear(Role::passive);
  EXPECT_EQ(bench.state(), State::active);
  EXPECT_THAT(bench.log(), HasSubstr("primary inactive: activating lvs"));
}

TEST(Director, HandsOverOnlyAfterThePeerServes) {
  Bench bench = active_primary();
  bench.feed(Stop{});
  EXPECT_THAT(bench.deeds(), ElementsAre("heartbeat handing-over"));
  bench.peer.term = 2;
  bench.hear(Role::active);
  EXPECT_THAT(bench.deeds(),
              ElementsAre("remove", "remove", "disarm", "heartbeat passive", "run", "disarm",
                          "heartbeat passive", "heartbeat passive", "exit"));
  EXPECT_EQ(bench.step.wake_at, std::nullopt);
}

TEST(Director, SuccessorArmsItsCoreBeforeItTakesTheAddresses) {
  Bench bench = standby_backup();
  bench.peer.term = 7;
  bench.hear(Role::handing_over);
  EXPECT_EQ(bench.state(), State::preparing);
  EXPECT_THAT(bench.deeds(), ElementsAre("arm"));
  bench.feed(CoreArmed{});
  EXPECT_EQ(bench.state(), State::active);
  EXPECT_EQ(bench.director.status(bench.now).term, 8U);
  bench.hear(Role::handing_over);  // It has not heard of us yet.
  EXPECT_EQ(bench.state(), State::active);
}

TEST(Director, SuccessorDoesNotTakeWhatIsNoLongerOffered) {
  Bench bench = standby_backup();
  bench.hear(Role::handing_over).hear(Role::passive);  // It was started again, and is able.
  bench.feed(CoreArmed{});
  EXPECT_EQ(bench.state(), State::preparing);
  bench.pass(1s, true);
  EXPECT_EQ(bench.state(), State::standby);
}

TEST(Director, SuccessorWhoseCoreDoesNotArmStepsBack) {
  Bench bench = standby_backup();
  bench.hear(Role::handing_over).pass(1s);
  EXPECT_EQ(bench.state(), State::standby);
  EXPECT_GE(bench.count<DisarmCore>(), 1);
}

TEST(Director, ASuccessorOfManyAddressesHasTheTimeThatTheyTake) {
  Settings settings = some_settings(Node::backup);
  for (uint32_t i = 0; i < 2000; ++i) {
    settings.addresses.push_back({Address::v4(0x0A000001 + i), "eth0", "eth0:1", {}});
  }
  Bench bench(Node::backup, settings);
  bench.start().hear(Role::active).hear(Role::handing_over).pass(5s, true);
  EXPECT_EQ(bench.state(), State::preparing);
  bench.pass(2s, true);
  EXPECT_EQ(bench.state(), State::standby);
}

TEST(Director, LeaseIsRenewedAtAQuarterAndLostOnce) {
  Bench bench = active_primary();
  const TimePoint held = bench.now;
  bench.pass(Duration{4s} / 4, true);
  EXPECT_EQ(*bench.director.status(bench.now).lease_left, 4s);
  bench.now = held + Duration{4s} / 4 + 4s;  // Frozen.
  bench.hear(Role::active);
  EXPECT_EQ(bench.state(), State::standby);
  EXPECT_THAT(bench.log(), HasSubstr("reason=lease-lost"));
  EXPECT_EQ(bench.count<RenewAddresses>() + bench.count<AddAddresses>(), 0);
}

TEST(Director, AnActionThatCameTooLateLosesTheLease) {
  Bench bench = active_primary();
  bench.feed(AddressFailed{kVip, {ETIME, "too late"}});
  EXPECT_EQ(bench.state(), State::standby);
  EXPECT_EQ(bench.count<RemoveAddress>(), 2);
}

TEST(Director, AfterALostLeaseOldWordsOfThePeerMeanNothing) {
  Bench bench = active_primary();
  bench.now += 4500ms;
  bench.hear(Role::passive);  // Waited in the socket while we were frozen.
  EXPECT_EQ(bench.state(), State::standby);
  bench.hear(Role::active).pass(3s);
  EXPECT_EQ(bench.state(), State::standby);
}

TEST(Director, AdoptsWhatItFindsAndConfirmsItByThePeersPassivity) {
  Bench bench(Node::backup);
  bench.start({{{kVip, kStart + 3s}}, {.term = 9, .peer_macs = {}}});
  EXPECT_EQ(bench.state(), State::adopting);
  EXPECT_THAT(bench.deeds(), ElementsAre("arm", "heartbeat adopting", "probe", "probe", "renew"));
  bench.hear(Role::passive);
  EXPECT_EQ(bench.state(), State::active);
  EXPECT_THAT(bench.deeds(), ElementsAre("heartbeat adopting", "keep", "renew", "add", "announce",
                                         "announce", "heartbeat active", "keep"));
  EXPECT_EQ(bench.director.status(bench.now).term, 9U);
}

TEST(Director, AdoptingGivesWayToAHigherTermAndTheBackupToAnyActivePeer) {
  const auto state_after = [](Node node, uint64_t peers_term) {
    Bench bench(node);
    bench.start({{{kVip, kStart + 3s}}, {.term = 9, .peer_macs = {}}});
    bench.peer.term = peers_term;
    return bench.hear(Role::active).state();
  };
  EXPECT_EQ(state_after(Node::primary, 10), State::standby);
  EXPECT_EQ(state_after(Node::primary, 9), State::active);
  EXPECT_EQ(state_after(Node::backup, 8), State::standby);
}

TEST(Director, AnAddressWhoseLifeIsNearlyOverIsNotAdopted) {
  Bench bench(Node::primary);
  bench.start({{{kVip, kStart + 1s}}, {}});
  EXPECT_EQ(bench.state(), State::standby);
  EXPECT_EQ(bench.count<RemoveAddress>(), 1);
}

TEST(Director, OfTwoActivesThePrimaryStaysAndOutbidsTheOther) {
  Bench bench = active_primary();
  bench.pass(10s, true);
  bench.peer.term = 5;
  bench.hear(Role::active);
  EXPECT_EQ(bench.state(), State::active);
  EXPECT_THAT(bench.log(), HasSubstr("partner active: resending arps"));
  EXPECT_GE(bench.count<Announce>(), 2);
  EXPECT_EQ(bench.director.status(bench.now).term, 6U);
  Bench backup = standby_backup();
  backup.pass(5s).hear(Role::active);
  EXPECT_EQ(backup.state(), State::standby);
  EXPECT_THAT(backup.log(), HasSubstr("partner active: deactivating LVS"));
}

TEST(Director, AnnouncesAtOnceAndRepeats) {
  Bench bench = active_primary();
  std::vector<Duration> offsets;
  const TimePoint begun = bench.now;
  while (bench.now < begun + 9s) {
    bench.now = *bench.step.wake_at;
    bench.feed(TimerFired{});
    const int announced = bench.count<Announce>();
    bench.hear(Role::passive);
    if (announced > 0) {
      offsets.push_back(bench.now - begun);
    }
  }
  EXPECT_THAT(offsets, ElementsAre(50ms, 200ms, 1s, 2s, 5s));
}

TEST(Director, ProbesFromHalfOfDeadtimeAndHonoursOnlyThePeersAnswers) {
  Bench bench = standby_backup();
  bench.pass(2500ms - 1ns);
  EXPECT_EQ(bench.count<ProbeAddress>(), 0);
  bench.pass(1ns);
  EXPECT_EQ(bench.count<ProbeAddress>(), 2);
  bench.pass(2400ms).feed(AddressClaimed{kVip, kStrangerMac});
  EXPECT_THAT(bench.log(), HasSubstr("stranger-holds-address"));
  bench.pass(100ms);
  EXPECT_EQ(bench.state(), State::active);

  Bench vetoed = standby_backup();
  vetoed.pass(4900ms).feed(AddressClaimed{kVip, kPeerMac}).pass(100ms);
  EXPECT_EQ(vetoed.state(), State::standby);
  EXPECT_THAT(vetoed.log(), HasSubstr("event=split-guard"));
  vetoed.pass(SplitGuard::freshness(5s) - 100ms);
  EXPECT_EQ(vetoed.state(), State::active);
}

TEST(Director, AVanishedAddressComesBackUnlessTheLeaseIsOver) {
  Bench bench = active_primary();
  bench.feed(AddressGone{kVip});
  EXPECT_THAT(bench.deeds(), ElementsAre("add", "announce"));  // Under the lease of the others.
  EXPECT_THAT(bench.first<AddAddresses>().addresses,
              ElementsAre(testing::Field(&FloatingAddress::address, kVip)));
  bench.now += 4s;
  bench.feed(AddressGone{kVip});
  EXPECT_EQ(bench.state(), State::standby);
  EXPECT_EQ(bench.count<AddAddresses>(), 0);
}

TEST(Director, AFailedAddressIsTriedAgainAndToldOnce) {
  Bench bench = active_primary();
  bench.feed(AddressFailed{kVip, {ENODEV, "no such device"}});
  EXPECT_THAT(bench.log(), HasSubstr("address-failed"));
  bench.pass(100ms);
  EXPECT_EQ(bench.count<AddAddresses>(), 1);
  bench.feed(AddressFailed{kVip, {ENODEV, "no such device"}});
  EXPECT_EQ(bench.log(), "");
}

TEST(Director, AFailingAddressIsTriedEverMoreRarelyAndTheOthersAreLeftAlone) {
  Bench bench = active_primary();
  int tries = 0;
  int renewals = 0;
  bench.peer.reasons = kLvsdAway;  // So that it stays here.
  bench.hear(Role::passive).feed(AddressFailed{kVip, {EACCES, "IPv6 is disabled"}});
  const TimePoint until = bench.now + 60s;
  while (bench.now < until) {
    bench.now = *bench.step.wake_at;
    bench.feed(TimerFired{});
    renewals += bench.count<RenewAddresses>();
    const bool tried = bench.count<AddAddresses>() > 0;
    bench.hear(Role::passive);
    if (tried) {
      ++tries;
      bench.feed(AddressFailed{kVip, {EACCES, "IPv6 is disabled"}});
    }
  }
  EXPECT_GE(tries, 10);
  EXPECT_LE(tries, 20);
  EXPECT_LE(renewals, 65) << "the other one, at a quarter of its lease";
  const Status status = bench.director.status(bench.now);
  EXPECT_EQ(status.reasons, kAddressFailed);
  EXPECT_EQ(status.addresses[0].holding, Holding::failed);
  EXPECT_EQ(status.addresses[0].error, "IPv6 is disabled");
  EXPECT_EQ(status.addresses[1].holding, Holding::held);
  bench.pass(10s, true);  // Not refused any more.
  EXPECT_EQ(bench.director.status(bench.now).reasons, 0U);
  EXPECT_EQ(bench.director.status(bench.now).addresses[0].holding, Holding::held);
}

TEST(Director, AnAddressThatTheKernelRefusesMovesTheServiceToAnAblePeer) {
  Bench bench = active_primary();
  bench.feed(AddressFailed{kVip, {EACCES, "no"}});
  while (bench.state() == State::active && bench.now < kStart + 5s) {
    bench.now = *bench.step.wake_at;
    bench.feed(TimerFired{});
    const bool tried = bench.count<AddAddresses>() > 0;
    bench.hear(Role::passive);
    if (tried) {
      bench.feed(AddressFailed{kVip, {EACCES, "no"}});
    }
  }
  EXPECT_EQ(bench.state(), State::handing_over);
  EXPECT_GE(bench.now, kStart + 1s);
}

// It answers here; to move it would make a second holder. To renew it would take it over.
TEST(Director, AnAddressOfSomebodyElseIsToldAndLeftAlone) {
  Bench bench = active_primary();
  bench.feed(AddressFailed{kVip, {EEXIST, "the device holds it already"}});
  const TimePoint until = bench.now + 30s;
  while (bench.now < until) {
    bench.now = *bench.step.wake_at;
    bench.feed(TimerFired{});
    for (const Action& action : bench.step.actions) {
      if (const auto* renewal = std::get_if<RenewAddresses>(&action)) {
        EXPECT_THAT(
            renewal->addresses,
            testing::Not(testing::Contains(testing::Field(&FloatingAddress::address, kVip))));
      }
    }
    const bool tried = bench.count<AddAddresses>() > 0;
    bench.hear(Role::passive);
    if (tried) {
      bench.feed(AddressFailed{kVip, {EEXIST, "the device holds it already"}});
    }
  }
  EXPECT_EQ(bench.state(), State::active);
  EXPECT_EQ(bench.director.status(bench.now).addresses[0].holding, Holding::foreign);
  EXPECT_EQ(bench.director.status(bench.now).reasons, 0U);
}

TEST(Director, ALinkThatComesBackHearsTheAnnouncementAgain) {
  Bench bench = active_primary();
  bench.peer.reasons = kLvsdAway;
  bench.hear(Role::passive).feed(LinkChanged{"eth0", false}).pass(20s, true);
  bench.feed(LinkChanged{"eth0", true});
  EXPECT_EQ(bench.count<Announce>(), 2);
  bench.feed(LinkChanged{"eth0", true});
  EXPECT_EQ(bench.count<Announce>(), 0);
}

TEST(Director, AStandbyTellsThatSomebodyAddedAFloatingAddress) {
  Bench bench = standby_backup();
  bench.feed(ForeignAddress{kVip, true});
  EXPECT_THAT(bench.log(), HasSubstr("foreign-address address=192.0.2.80"));
  EXPECT_EQ(bench.director.status(bench.now).addresses[0].holding, Holding::foreign);
  bench.feed(ForeignAddress{kVip, true});
  EXPECT_EQ(bench.log(), "");
  bench.feed(ForeignAddress{kVip, false});
  EXPECT_EQ(bench.director.status(bench.now).addresses[0].holding, Holding::not_held);
}

TEST(Director, AMissingDeviceIsToldAndMovesTheService) {
  Bench bench = active_primary();
  bench.feed(LinkChanged{"eth1", false, false});
  EXPECT_EQ(bench.state(), State::active) << "it may be made anew just now";
  bench.pass(kSettleMax, true);
  EXPECT_EQ(bench.state(), State::handing_over);
  const AddressStatus router = bench.director.status(bench.now).addresses[1];
  EXPECT_EQ(router.holding, Holding::missing);
  EXPECT_EQ(router.error, "this machine has no device eth1");
}

TEST(Director, AWitnessThatAReloadAddsHasTimeToAnswer) {
  Bench bench = active_primary();
  Settings next = some_settings(Node::primary);
  next.witness = true;
  bench.feed(Reconfigured{next});
  EXPECT_EQ(bench.state(), State::active);
  EXPECT_EQ(bench.director.status(bench.now).reasons, 0U);
  bench.feed(WitnessChanged{false});
  EXPECT_EQ(bench.state(), State::handing_over);
}

TEST(Director, MonitoredLinksAndWitnessDecideAbility) {
  Settings settings = some_settings(Node::backup);
  settings.monitored_devices = {"eth2"};
  settings.witness = true;
  Bench bench(Node::backup, settings);
  bench.start().hear(Role::active);
  EXPECT_EQ(bench.director.status(bench.now).reasons, kNoWitness);
  bench.feed(WitnessChanged{true}).feed(LinkChanged{"eth2", false});
  EXPECT_EQ(bench.director.status(bench.now).reasons, kLinkDown);
  bench.feed(LinkChanged{"eth2", true});
  EXPECT_EQ(bench.director.status(bench.now).reasons, 0U);
}

TEST(Director, ReloadTakesAddressesAwayAndAddsThemWithoutTouchingTheRest) {
  Bench bench = active_primary();
  Settings next = some_settings(Node::primary);
  next.addresses = {*next.addresses.find(kVip),
                    {*Address::parse("10.0.0.253"), "eth1", "eth1:1", {}}};
  bench.feed(Reconfigured{next});
  EXPECT_THAT(bench.deeds(), ElementsAre("remove", "renew", "add", "announce", "announce"));
  EXPECT_EQ(bench.state(), State::active);
}

TEST(Director, AloneItServesAtOnceWithPermanentAddressesAndSendsNothing) {
  Settings settings = some_settings(Node::primary);
  settings.alone = true;
  Bench bench(Node::primary, settings);
  bench.feed(Started{});
  EXPECT_THAT(bench.deeds(),
              ElementsAre("arm", "add", "add", "announce", "announce", "keep", "run"));
  EXPECT_EQ(bench.first<AddAddresses>().lifetime, std::nullopt);
}

TEST(Director, CountsWhatItRefuses) {
  Bench bench = standby_backup();
  bench.feed(Heard{0, Refusal::malformed}).feed(Heard{0, Refusal::bad_hmac});
  bench.peer.cluster_id = 6;
  bench.hear(Role::active);
  bench.peer.cluster_id = 5;
  bench.peer.your_incarnation = kOwn - 1;
  bench.hear(Role::active);
  EXPECT_THAT(bench.deeds(), ElementsAre("heartbeat passive"));  // One answer, so that it learns.
  const auto& refused = bench.director.counters().refused;
  EXPECT_THAT(refused, ElementsAre(1, 0, 1, 1, 0, 0, 1));
}

TEST(Director, ALateWakeUpIsNoEvidenceOfSilence) {
  Bench bench = standby_backup();
  bench.now += 30s;
  bench.feed(TimerFired{});
  EXPECT_EQ(bench.state(), State::standby);
  EXPECT_EQ(bench.director.status(bench.now).late, 29s);
  bench.hear(Role::active).pass(4s);
  EXPECT_EQ(bench.state(), State::standby);
}

TEST(Director, ForcedActiveDoesNotListenFirst) {
  Bench bench(Node::backup);
  bench.start().feed(ForceActive{});
  EXPECT_EQ(bench.state(), State::active);
}

TEST(Commands, ADirectorThatStartsWithoutAddressesIsInactive) {
  Bench bench(Node::backup);
  bench.start();
  EXPECT_THAT(bench.step.actions, Contains(VariantWith<RunCommand>(RunCommand{"/bin/down"})));
  Bench adopting(Node::backup);
  adopting.start({{{kVip, adopting.now + 4s}}, {}});
  EXPECT_EQ(adopting.count<RunCommand>(), 0) << "the world has seen no change";
}

// A director with 140 floating addresses that has just taken over, and what it announced when.
struct Announcements {
  Bench bench{Node::primary, with_many_addresses()};
  std::map<TimePoint, std::vector<Address>> said;

  static Settings with_many_addresses() {
    Settings s = some_settings(Node::primary);
    s.addresses.clear();
    for (int i = 1; i <= 140; ++i) {
      s.addresses.push_back(
          {*Address::parse("192.0.2." + std::to_string(i)), "eth0", "eth0:1", {}});
    }
    return s;
  }

  Announcements() {
    bench.start().hear(Role::passive);
    EXPECT_EQ(bench.state(), State::active);
    note();
  }
  void note() {
    for (const Action& action : bench.step.actions) {
      if (const auto* one = std::get_if<Announce>(&action)) {
        said[bench.now].push_back(one->address.address);
      }
    }
  }
  void pass(Duration span) {
    const TimePoint until = bench.now + span;
    while (bench.step.wake_at && *bench.step.wake_at <= until) {
      bench.now = *bench.step.wake_at;
      bench.feed(TimerFired{});
      note();
    }
    bench.now = until;
  }
  size_t count() const {
    return std::accumulate(said.begin(), said.end(), size_t{0},
                           [](size_t sum, const auto& at) { return sum + at.second.size(); });
  }
  std::set<Address> which() const {
    std::set<Address> all;
    for (const auto& [when, addresses] : said) {
      all.insert(addresses.begin(), addresses.end());
    }
    return all;
  }
};

// Until then its clients talk to the director before us.
TEST(Announcements, OfManyAddressesAreAllSaidOnceWithinMilliseconds) {
  Announcements announcements;
  EXPECT_EQ(announcements.count(), size_t{AnnounceLane::kAtOnce});
  announcements.pass(5ms);
  EXPECT_EQ(announcements.which().size(), 140U);
  for (const auto& [when, addresses] : announcements.said) {
    EXPECT_LE(addresses.size(), size_t{AnnounceLane::kAtOnce}) << "nobody is overrun";
  }
}

TEST(Announcements, OfManyAddressesAreRepeatedAtAPaceThatNoSwitchDrops) {
  Announcements announcements;
  announcements.pass(5ms);
  const size_t first_round = announcements.count();
  announcements.pass(300ms);
  EXPECT_LE(announcements.count(),
            first_round + size_t{AnnounceLane::kAtOnce} + 300ms / AnnounceQueue::kPause);
  announcements.pass(10s);
  EXPECT_GE(announcements.count(), 5U * 140U) << "the later rounds are whole";
}

// What was said while no cable was plugged reached nobody.
TEST(Announcements, OfManyAddressesAreInAHurryAgainWhenACableIsBack) {
  Announcements announcements;
  announcements.pass(20s);
  announcements.said.clear();
  announcements.bench.feed(LinkChanged{"eth1", false}).feed(LinkChanged{"eth1", true});
  announcements.note();
  announcements.pass(5ms);
  EXPECT_EQ(announcements.which().size(), 140U);
}

TEST(Announcements, ThatStillWaitAreNotSentByADirectorThatHandsOver) {
  Announcements announcements;
  announcements.bench.feed(Switchover{});
  ASSERT_EQ(announcements.bench.state(), State::handing_over);
  const size_t before = announcements.count();
  announcements.pass(500ms);
  EXPECT_EQ(announcements.count(), before);
}

}  // namespace
}  // namespace lvs::pulse
