#include "pulse/able.h"

#include <gmock/gmock.h>

namespace lvs::pulse {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

constexpr TimePoint kNow{std::chrono::hours{1000}};

Settings settings() {
  Settings s;
  s.addresses = {{*Address::parse("192.0.2.80"), "eth0", "eth0:1", {}},
                 {*Address::parse("10.0.0.254"), "eth1", "eth1:1", {}}};
  s.lvsd_grace = 10s;
  return s;
}

TEST(Ability, IsNotThereBeforeLvsdWasReadyOnce) {
  Ability ability;
  EXPECT_EQ(ability.reasons(settings(), kNow), kLvsdStarting);
  ability.set_lvsd(true, 0, kNow);
  EXPECT_EQ(ability.reasons(settings(), kNow), 0U);
}

TEST(Ability, OutlivesAnAbsenceOfLvsdUpToItsGrace) {
  Ability ability;
  ability.set_lvsd(true, 0, kNow);
  ability.set_lvsd(false, 0, kNow);
  ability.set_lvsd(false, 1, kNow + 5s);  // Still the same absence.
  EXPECT_EQ(ability.next_change(settings(), kNow + 5s), kNow + 10s);
  EXPECT_EQ(ability.reasons(settings(), kNow + 10s - 1ns), 0U);
  EXPECT_EQ(ability.reasons(settings(), kNow + 10s), kLvsdAway);
  ability.set_lvsd(true, 0, kNow + 20s);
  EXPECT_EQ(ability.reasons(settings(), kNow + 20s), 0U);
}

TEST(Ability, EndsWithTheThirdFailedRestart) {
  Ability ability;
  ability.set_lvsd(true, 0, kNow);
  ability.set_lvsd(false, 2, kNow);
  EXPECT_EQ(ability.reasons(settings(), kNow), 0U);
  ability.set_lvsd(false, 3, kNow);
  EXPECT_EQ(ability.reasons(settings(), kNow), kLvsdFailing);
}

TEST(Ability, AdoptedLvsdHasItsGraceAndOneThatAnsweredFirstNeedsNone) {
  Ability silent;
  silent.adopt(kNow);
  EXPECT_EQ(silent.reasons(settings(), kNow + 9s), 0U);
  EXPECT_EQ(silent.reasons(settings(), kNow + 10s), kLvsdAway);
  Ability answered;
  answered.set_lvsd(true, 0, kNow);
  answered.adopt(kNow);
  EXPECT_EQ(answered.reasons(settings(), kNow + 10s), 0U);
}

TEST(Ability, NeedsEveryLinkAndIsFitInPartWithOneServiceLink) {
  Ability ability;
  ability.set_lvsd(true, 0, kNow);
  ability.set_link("eth0", false, true, kNow);
  EXPECT_EQ(ability.reasons(settings(), kNow), kServiceLinkDown);
  EXPECT_EQ(ability.fitness(settings(), kNow), Fitness::partly);
  Settings monitored = settings();
  monitored.monitored_devices = {"eth0", "eth1"};
  EXPECT_EQ(ability.reasons(monitored, kNow), kLinkDown | kServiceLinkDown);
  ability.set_link("eth7", false, true, kNow);
  EXPECT_THAT(ability.links_down(monitored), ElementsAre("eth0"));
  ability.set_link("eth1", false, true, kNow);
  EXPECT_EQ(ability.reasons(settings(), kNow), kNoServiceLink);
}

TEST(Ability, OfADirectorThatServesALinkMayBeAwayForAMoment) {
  Ability ability;
  ability.set_lvsd(true, 0, kNow);
  ability.set_link("eth1", false, true, kNow - 1s);
  ability.set_patience(250ms);
  ability.set_link("eth0", false, true, kNow);
  EXPECT_EQ(ability.next_change(settings(), kNow), kNow + 250ms);
  EXPECT_EQ(ability.reasons(settings(), kNow + 250ms - 1ns), kServiceLinkDown);
  EXPECT_EQ(ability.reasons(settings(), kNow + 250ms), kNoServiceLink);
  EXPECT_TRUE(ability.set_link("eth0", true, true, kNow + 300ms));
  EXPECT_EQ(ability.reasons(settings(), kNow + 300ms), kServiceLinkDown);
  ability.set_link("eth0", false, true, kNow + 400ms);
  ability.set_link("eth0", false, true, kNow + 500ms);  // Told again: still the same absence.
  EXPECT_EQ(ability.reasons(settings(), kNow + 650ms), kNoServiceLink);
}

TEST(Ability, HardlyServesWithoutAWayToTheServers) {
  Ability ability;
  ability.set_lvsd(true, 0, kNow);
  ability.set_way(false, kNow);
  ability.set_way(false, kNow + 100ms);
  const Duration patience = settling_time(settings());
  EXPECT_EQ(ability.next_change(settings(), kNow), kNow + patience);
  EXPECT_EQ(ability.reasons(settings(), kNow + patience - 1ns), 0U);
  EXPECT_EQ(ability.reasons(settings(), kNow + patience), kNoWay);
  EXPECT_EQ(ability.fitness(settings(), kNow + patience), Fitness::hardly);
  ability.set_way(true, kNow + 10s);
  EXPECT_EQ(ability.reasons(settings(), kNow + 10s), 0U);
}

// Else two directors of which only the active one checks would hand over to each other for ever.
TEST(Ability, WhatWasKnownOfTheWayHoldsWhileNobodyChecksUntilALinkComesUp) {
  Ability ability;
  ability.set_lvsd(true, 0, kNow);
  ability.set_link("eth1", true, true, kNow);
  ability.set_way(std::nullopt, kNow - 1s);
  EXPECT_EQ(ability.reasons(settings(), kNow), 0U)
      << "nothing is known, and nothing held against it";
  ability.set_way(false, kNow);
  ability.set_way(std::nullopt, kNow + 1s);
  EXPECT_EQ(ability.reasons(settings(), kNow + 1h), kNoWay);
  ability.set_link("eth1", false, true, kNow + 1h);
  EXPECT_EQ(ability.reasons(settings(), kNow + 1h), kNoWay | kServiceLinkDown);
  ability.set_link("eth1", true, true, kNow + 1h);
  EXPECT_EQ(ability.reasons(settings(), kNow + 1h), 0U);
}

TEST(Ability, AMissingDeviceIsALinkThatIsDown) {
  Ability ability;
  ability.set_lvsd(true, 0, kNow);
  ability.set_link("eth1", true, false, kNow);
  EXPECT_EQ(ability.reasons(settings(), kNow), kServiceLinkDown);
  EXPECT_FALSE(ability.exists("eth1"));
  EXPECT_TRUE(ability.exists("eth0"));
}

TEST(Ability, ARefusedAddressCountsAfterASecond) {
  Ability ability;
  ability.set_lvsd(true, 0, kNow);
  ability.set_refused_since(kNow);
  EXPECT_EQ(ability.next_change(settings(), kNow), kNow + 1s);
  EXPECT_EQ(ability.reasons(settings(), kNow + 1s - 1ns), 0U);
  EXPECT_EQ(ability.reasons(settings(), kNow + 1s), kAddressFailed);
  ability.set_refused_since({});
  EXPECT_EQ(ability.reasons(settings(), kNow + 1s), 0U);
}

TEST(Ability, BeforeAWitnessHadTimeToAnswerNothingIsKnown) {
  Settings with_witness = settings();
  with_witness.witness = true;
  Ability ability;
  ability.set_lvsd(true, 0, kNow);
  EXPECT_EQ(ability.reasons(with_witness, kNow), kNoWitness);
  EXPECT_EQ(ability.fitness(with_witness, kNow), Fitness::none);
  ability.set_witness(false);
  EXPECT_EQ(ability.fitness(with_witness, kNow), Fitness::partly);
  ability.trust_witness();
  EXPECT_EQ(ability.fitness(with_witness, kNow), Fitness::whole);
}

}  // namespace
}  // namespace lvs::pulse
