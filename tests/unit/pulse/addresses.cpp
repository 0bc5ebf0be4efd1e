// The floating addresses of a director: added, announced, refused, gone and come back.
#include <map>
#include <numeric>
#include <set>

#include "tests/unit/pulse/bench.h"

namespace lvs::pulse {
namespace {

using testing::Each;
using testing::Not;

TEST(FloatingAddresses, AnnouncesAtOnceAndRepeats) {
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

TEST(FloatingAddresses, AVanishedAddressComesBackUnlessTheLeaseIsOver) {
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

TEST(FloatingAddresses, AFailedAddressIsTriedAgainAndToldOnce) {
  Bench bench = active_primary();
  bench.feed(AddressFailed{kVip, {ENODEV, "no such device"}});
  EXPECT_THAT(bench.log(), HasSubstr("address-failed"));
  bench.pass(100ms);
  EXPECT_EQ(bench.count<AddAddresses>(), 1);
  bench.feed(AddressFailed{kVip, {ENODEV, "no such device"}});
  EXPECT_EQ(bench.log(), "");
}

TEST(FloatingAddresses, AFailingAddressIsTriedEverMoreRarelyAndTheOthersAreLeftAlone) {
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
    bench.feed(AddressesDone{}).hear(Role::passive);
    if (tried) {
      ++tries;
      bench.feed(AddressFailed{kVip, {EACCES, "IPv6 is disabled"}});
    }
  }
  EXPECT_GE(tries, 10);
  EXPECT_LE(tries, 20);
  EXPECT_LE(renewals, 65) << "the other one, at a quarter of its lease";
  EXPECT_GE(renewals, 50);
  const Status status = bench.director.status(bench.now);
  EXPECT_EQ(status.reasons, kAddressFailed);
  EXPECT_EQ(status.addresses[0].holding, Holding::failed);
  EXPECT_EQ(status.addresses[0].error, "IPv6 is disabled");
  EXPECT_EQ(status.addresses[1].holding, Holding::held);
  bench.pass(10s, true);  // Not refused any more.
  EXPECT_EQ(bench.director.status(bench.now).reasons, 0U);
  EXPECT_EQ(bench.director.status(bench.now).addresses[0].holding, Holding::held);
}

TEST(FloatingAddresses, AnAddressThatTheKernelRefusesMovesTheServiceToAnAblePeer) {
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
TEST(FloatingAddresses, AnAddressOfSomebodyElseIsToldAndLeftAlone) {
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
    bench.feed(AddressesDone{}).hear(Role::passive);
    if (tried) {
      bench.feed(AddressFailed{kVip, {EEXIST, "the device holds it already"}});
    }
  }
  EXPECT_EQ(bench.state(), State::active);
  EXPECT_EQ(bench.director.status(bench.now).addresses[0].holding, Holding::foreign);
  EXPECT_EQ(bench.director.status(bench.now).reasons, 0U);
}

TEST(FloatingAddresses, ALinkThatComesBackHearsTheAnnouncementAgain) {
  Bench bench = active_primary();
  bench.peer.reasons = kLvsdAway;
  bench.hear(Role::passive).feed(LinkChanged{"eth0", false}).pass(20s, true);
  bench.feed(LinkChanged{"eth0", true});
  EXPECT_EQ(bench.count<Announce>(), 2);
  bench.feed(LinkChanged{"eth0", true});
  EXPECT_EQ(bench.count<Announce>(), 0);
}

TEST(FloatingAddresses, AStandbyTellsThatSomebodyAddedAFloatingAddress) {
  Bench bench = standby_backup();
  bench.feed(ForeignAddress{kVip, true});
  EXPECT_THAT(bench.log(), HasSubstr("foreign-address address=192.0.2.80"));
  EXPECT_EQ(bench.director.status(bench.now).addresses[0].holding, Holding::foreign);
  bench.feed(ForeignAddress{kVip, true});
  EXPECT_EQ(bench.log(), "");
  bench.feed(ForeignAddress{kVip, false});
  EXPECT_EQ(bench.director.status(bench.now).addresses[0].holding, Holding::not_held);
}

TEST(FloatingAddresses, AMissingDeviceIsToldAndMovesTheService) {
  Bench bench = active_primary();
  bench.feed(LinkChanged{"eth1", false, false});
  EXPECT_EQ(bench.state(), State::active) << "it may be made anew just now";
  bench.pass(kSettleMax, true);
  EXPECT_EQ(bench.state(), State::handing_over);
  const AddressStatus router = bench.director.status(bench.now).addresses[1];
  EXPECT_EQ(router.holding, Holding::missing);
  EXPECT_EQ(router.error, "this machine has no device eth1");
}

TEST(FloatingAddresses, ReloadTakesAddressesAwayAndAddsThemWithoutTouchingTheRest) {
  Bench bench = active_primary();
  bench.feed(AddressesDone{});
  Settings next = some_settings(Node::primary);
  next.addresses = {*next.addresses.find(kVip),
                    {*Address::parse("10.0.0.253"), "eth1", "eth1:1", {}}};
  bench.feed(Reconfigured{next});
  EXPECT_THAT(bench.deeds(), ElementsAre("remove", "add", "announce", "announce"));
  EXPECT_EQ(bench.state(), State::active);
  EXPECT_THAT(bench.feed(AddressesDone{}).deeds(), Contains("renew"));
}

// A director with 140 floating addresses that has just taken over, and what it announced when.
struct Announcements {
  Bench bench{Node::primary, with_many_addresses()};
  std::map<TimePoint, std::vector<Address>> said;
  bool is_adding = false;

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
    is_adding = bench.count<AddAddresses>() > 0;
    for (const Action& action : bench.step.actions) {
      if (const auto* one = std::get_if<Announce>(&action)) {
        said[bench.now].push_back(one->address.address);
      }
    }
  }
  void pass(Duration span) {
    const TimePoint until = bench.now + span;
    while (is_adding) {
      bench.feed(AddressesDone{});
      note();
    }
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

// A primary with five addresses, of which its shell adds two at a time, and a peer that serves
// them.
struct Parts {
  Bench bench{Node::primary, with_five_addresses()};

  static Settings with_five_addresses() {
    Settings s = some_settings(Node::primary);
    s.addresses.clear();
    for (const char* vip : kVips) {
      s.addresses.push_back({*Address::parse(vip), "eth0", "eth0:1", {}});
    }
    s.added_at_once = 2;
    return s;
  }
  static constexpr const char* kVips[] = {"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4",
                                          "192.0.2.5"};

  Parts() { bench.start().hear(Role::active); }
  void die() { bench.pass(5s); }
  void hand_over() {
    bench.hear(Role::handing_over);
    bench.feed(CoreArmed{});
  }
  Parts& added() {
    bench.feed(AddressesDone{});
    return *this;
  }
  std::vector<Holding> held() const {
    std::vector<Holding> all;
    for (const AddressStatus& each : bench.director.status(bench.now).addresses) {
      all.push_back(each.holding);
    }
    return all;
  }
  std::string error_of_last() const {
    return bench.director.status(bench.now).addresses.back().error;
  }
};

// The kernel takes half a second for thousands.
TEST(Parts, AreAddedAndAnnouncedOneAfterTheOtherWithTheLoopInBetween) {
  Parts parts;
  parts.die();
  EXPECT_THAT(parts.bench.deeds(), ElementsAre("arm", "add", "add", "announce", "announce",
                                               "heartbeat active", "keep", "run"));
  EXPECT_EQ(parts.error_of_last(), "is being added");
  EXPECT_THAT(parts.added().bench.deeds(), ElementsAre("add", "add", "announce", "announce"));
  EXPECT_THAT(parts.added().bench.deeds(), ElementsAre("add", "announce"));
  EXPECT_THAT(parts.added().bench.deeds(), ElementsAre());
  EXPECT_THAT(parts.held(), Each(Holding::held));
}

// As long as its core is not armed, the shell adds nothing.
TEST(Parts, WaitForTheOneBefore) {
  Parts parts;
  parts.die();
  parts.bench.pass(1ms).hear(Role::passive);
  EXPECT_EQ(parts.bench.count<AddAddresses>(), 0);
}

// Who hands over serves until it hears that its successor is active.
TEST(Parts, OfAHandoverAreAllThereBeforeThePredecessorIsToldToLetGo) {
  Parts parts;
  parts.hand_over();
  ASSERT_EQ(parts.bench.state(), State::active);
  EXPECT_THAT(parts.bench.deeds(), Contains("heartbeat passive"));
  EXPECT_THAT(parts.added().bench.deeds(), Not(Contains("heartbeat active")));
  EXPECT_THAT(parts.added().bench.deeds(), ElementsAre("add", "announce"));
  EXPECT_THAT(parts.added().bench.deeds(), ElementsAre("heartbeat active"));
}

TEST(Parts, DoNotHideARoleFromAPredecessorThatServesOn) {
  Parts parts;
  parts.hand_over();
  parts.bench.hear(Role::active);
  EXPECT_THAT(parts.bench.deeds(), Contains("heartbeat active"));
}

TEST(Parts, DoNotHideARoleFromAPredecessorThatIsDead) {
  Parts parts;
  parts.hand_over();
  parts.bench.pass(6s);
  EXPECT_THAT(parts.bench.deeds(), Not(Contains("heartbeat passive")));
}

// The first is announced long before the last one answers.
TEST(Parts, OfASuccessorThatAnnouncesTheFirstAreNotLetGoOfYet) {
  Parts parts;
  parts.die();
  parts.added().added().added();
  parts.bench.hear(Role::passive).feed(Switchover{});
  ASSERT_EQ(parts.bench.state(), State::handing_over);
  parts.bench.feed(AddressClaimed{*Address::parse(Parts::kVips[0]), kPeerMac});
  EXPECT_EQ(parts.bench.state(), State::handing_over);
  parts.bench.feed(AddressClaimed{*Address::parse(Parts::kVips[4]), kPeerMac});
  EXPECT_EQ(parts.bench.state(), State::standby);
}

TEST(Parts, ThatAreNotThereYetAreNeitherRenewedNorRemoved) {
  Parts parts;
  parts.die();
  const auto length = Lease::length(5s);
  parts.bench.now += length / 2;
  parts.bench.feed(TimerFired{});
  EXPECT_EQ(parts.bench.count<RenewAddresses>(), 0) << "the shell is busy";
  parts.added();
  EXPECT_EQ(parts.bench.first<RenewAddresses>().addresses.size(), 2U);
  parts.added();
  EXPECT_EQ(parts.bench.count<AddAddresses>(), 1) << "then the others have their turn";
  parts.bench.feed(Stop{});
  EXPECT_EQ(parts.bench.count<RemoveAddress>(), 4);
  EXPECT_THAT(parts.added().bench.deeds(), ElementsAre()) << "it has let go";
}

// A part that is added later must not end before the first: what an arbiter finds counts from the
// earliest end.
TEST(Parts, AllLiveForAWholeLease) {
  Parts parts;
  parts.die();
  EXPECT_EQ(parts.bench.first<AddAddresses>().lifetime, Lease::length(5s));
  parts.bench.now += 5ms;
  parts.added();
  EXPECT_EQ(parts.bench.first<AddAddresses>().lifetime, Lease::length(5s));
}

TEST(Parts, AreRenewedOneAfterTheOtherToo) {
  Parts parts;
  parts.die();
  parts.added().added().added();
  parts.bench.now += Lease::length(5s) / 2;
  parts.bench.feed(TimerFired{});
  EXPECT_EQ(parts.bench.first<RenewAddresses>().addresses.size(), 2U);
  parts.added();
  EXPECT_EQ(parts.bench.first<RenewAddresses>().addresses.size(), 2U);
  parts.added();
  EXPECT_EQ(parts.bench.first<RenewAddresses>().addresses.size(), 1U);
  parts.added();
  EXPECT_EQ(parts.bench.count<RenewAddresses>(), 0);
}

// The order of another file may be another one.
TEST(Parts, OfASuccessorWithAnotherFileAreLetGoOfByItsHeartbeatAlone) {
  Parts parts;
  parts.die();
  parts.added().added().added();
  parts.bench.peer.config_digest = 7;
  parts.bench.hear(Role::passive).feed(Switchover{});
  ASSERT_EQ(parts.bench.state(), State::handing_over);
  parts.bench.feed(AddressClaimed{*Address::parse(Parts::kVips[4]), kPeerMac});
  EXPECT_EQ(parts.bench.state(), State::handing_over);
}

}  // namespace
}  // namespace lvs::pulse
