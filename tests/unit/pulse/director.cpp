// One director, told what happens and asked what it does. What two of them do together is told in
// tests/sim/sim_test.cpp.
#include "tests/unit/pulse/bench.h"

namespace lvs::pulse {
namespace {

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
  bench.feed(AddressesDone{}).hear(Role::passive);
  EXPECT_EQ(bench.state(), State::active);
  EXPECT_THAT(bench.deeds(), ElementsAre("heartbeat adopting", "keep", "add", "announce",
                                         "announce", "heartbeat active", "keep"));
  EXPECT_THAT(bench.feed(AddressesDone{}).deeds(), ElementsAre("renew"));
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

TEST(Director, WhatIsLateForAFastPairIsLessThanForASlowOne) {
  Settings fast = some_settings(Node::backup);
  fast.keepalive = 2ms;
  fast.deadtime = 6ms;
  Bench bench(Node::backup, fast);
  bench.start().hear(Role::active);
  bench.now += 12ms;
  bench.feed(TimerFired{});
  EXPECT_EQ(bench.state(), State::standby) << "its own absence is not the peer's";
  EXPECT_THAT(bench.log(), HasSubstr("event=late"));
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

}  // namespace
}  // namespace lvs::pulse
