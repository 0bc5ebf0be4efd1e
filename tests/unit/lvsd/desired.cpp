#include "lvsd/desired.h"

#include <gmock/gmock.h>

#include "lvsd/plan.h"
#include "tests/unit/lvsd/build.h"

namespace lvs::lvsd {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

ipvs::Dest masq(int weight) {
  ipvs::Dest dest;
  dest.weight = weight;
  return dest;
}

ServerId web_server(int host) {
  return {web_key(), server_at(host)};
}

const std::map<ipvs::DestKey, ipvs::Dest>& web_servers(const Desired& wanted) {
  return wanted.table.at(web_key()).dests;
}

config::Config web_with_sorry(int servers = 2, int quorum = 1) {
  auto service = web(servers);
  service.sorry_server = address("10.0.0.99");
  service.quorum = quorum;
  return with({service});
}

TEST(Desired, ServerThatIsUpTakesItsWeight) {
  auto service = web(1);
  service.servers[0].weight = 7;
  const auto config = with({service});
  EXPECT_THAT(web_servers(desired(config, all(config, Health::up), {})),
              ElementsAre(Pair(server_at(1), masq(7))));
}

TEST(Desired, ServerThatIsDownIsRemoved) {
  const auto config = with({web(2)});
  const Verdicts verdicts{{web_server(1), Health::up}, {web_server(2), Health::down}};
  EXPECT_THAT(web_servers(desired(config, verdicts, {})), ElementsAre(Pair(server_at(1), masq(1))));
}

TEST(Desired, ServersToWhichThereIsNoWayKeepTheirPlacesWhereNobodyElseServes) {
  const auto config = with({web(2)});
  EXPECT_EQ(desired(config, all(config, Health::cut), {}).table,
            desired(config, all(config, Health::up), {}).table);
}

TEST(Desired, ServerToWhichThereIsNoWayLeavesItsConnectionsToOneThatWorks) {
  const auto config = with({web(2)});
  const Verdicts verdicts{{web_server(1), Health::up}, {web_server(2), Health::cut}};
  EXPECT_THAT(web_servers(desired(config, verdicts, {})), ElementsAre(Pair(server_at(1), masq(1))));
}

TEST(Desired, ServerThatFailedIsNotPutBackWhenTheWayToTheOthersIsLost) {
  const auto config = with({web(2)});
  const Verdicts verdicts{{web_server(1), Health::down}, {web_server(2), Health::cut}};
  EXPECT_THAT(web_servers(desired(config, verdicts, {})), ElementsAre(Pair(server_at(2), masq(1))));
}

TEST(Desired, SorryServerServesWhenThereIsNoWayToTheServers) {
  const auto config = web_with_sorry();
  EXPECT_THAT(web_servers(desired(config, all(config, Health::cut), {})),
              ElementsAre(Pair(server_at(99), masq(1))));
}

TEST(Desired, ServerThatRecoversNeedNotWaitWhereNobodyElseServes) {
  const auto config = with({web(3)});
  Verdicts verdicts = all(config, Health::down);
  ipvs::Table table;
  const auto serving = [&] {
    table = desired(config, verdicts, table).table;
    std::vector<ipvs::DestKey> keys;
    for (const auto& [key, dest] : table.at(web_key()).dests) {
      keys.push_back(key);
    }
    return keys;
  };
  verdicts[web_server(1)] = Health::recovering;
  EXPECT_THAT(serving(), ElementsAre(server_at(1)));
  verdicts[web_server(2)] = Health::recovering;
  EXPECT_THAT(serving(), ElementsAre(server_at(1), server_at(2))) << "none has proved itself";
  verdicts[web_server(1)] = Health::up;
  EXPECT_THAT(serving(), ElementsAre(server_at(1), server_at(2))) << "it has clients by now";
  verdicts[web_server(3)] = Health::recovering;
  EXPECT_THAT(serving(), ElementsAre(server_at(1), server_at(2))) << "it can wait";
  verdicts[web_server(2)] = Health::down;
  EXPECT_THAT(serving(), ElementsAre(server_at(1)));
  verdicts[web_server(2)] = Health::recovering;
  verdicts[web_server(1)] = Health::cut;
  EXPECT_THAT(serving(), ElementsAre(server_at(2), server_at(3))) << "to those there is a way";
}

class OfRelapsed : public testing::Test {
 protected:
  // Of web servers 1 to N, each that relapsed in the second list.
  std::vector<ipvs::DestKey> serving(const std::vector<Health>& health,
                                     const std::set<int>& relapsed, const ipvs::Table& table = {}) {
    auto service = web(static_cast<int>(health.size()));
    for (auto& server : service.servers) {
      server.weight = weight_;
    }
    const auto config = with({service});
    std::map<ServerId, HeardHealth> heard;
    for (size_t i = 0; i < health.size(); ++i) {
      const int host = static_cast<int>(i) + 1;
      heard.emplace(web_server(host), HeardHealth{health[i], relapsed.contains(host)});
    }
    const auto wanted =
        desired_by(config, [&](const ServerId& id) { return heard.at(id); }, table, {});
    std::vector<ipvs::DestKey> keys;
    for (const auto& [key, dest] : web_servers(wanted)) {
      keys.push_back(key);
    }
    return keys;
  }
  int weight_ = 1;
};

TEST_F(OfRelapsed, OneWaitsWhereAnotherServesEarly) {
  EXPECT_THAT(serving({Health::recovering, Health::recovering}, {1}), ElementsAre(server_at(2)));
}

TEST_F(OfRelapsed, AllAreUsedWhereThereIsNobodyElse) {
  EXPECT_THAT(serving({Health::recovering, Health::down}, {1}), ElementsAre(server_at(1)));
  EXPECT_THAT(serving({Health::recovering, Health::recovering}, {1, 2}),
              ElementsAre(server_at(1), server_at(2)));
  EXPECT_THAT(serving({Health::recovering, Health::cut}, {1}), ElementsAre(server_at(1)))
      << "to the other there is no way";
}

TEST_F(OfRelapsed, OneThatServesAlreadyStaysAndTheOthersWait) {
  ipvs::Table table;
  table[web_key()].dests[server_at(2)] = masq(1);
  EXPECT_THAT(serving({Health::recovering, Health::recovering}, {1, 2}, table),
              ElementsAre(server_at(2)));
}

TEST_F(OfRelapsed, OneIsNotKeptOutForTheSakeOfServersWithoutWeight) {
  weight_ = 0;
  EXPECT_THAT(serving({Health::recovering, Health::recovering}, {1}),
              ElementsAre(server_at(1), server_at(2)));
}

TEST(Desired, ServerThatRecoversWaitsWhileTheSorryServerServes) {
  const auto config = web_with_sorry();
  EXPECT_THAT(web_servers(desired(config, all(config, Health::recovering), {})),
              ElementsAre(Pair(server_at(99), masq(1))));
}

TEST(Desired, SorryServerThatIsOneOfTheServersKeepsNoneWaiting) {
  auto service = web(2);
  service.sorry_server = address("10.0.0.2");
  const auto config = with({service});
  EXPECT_THAT(web_servers(desired(config, all(config, Health::recovering), {})),
              ElementsAre(Pair(server_at(1), masq(1)), Pair(server_at(2), masq(1))));
}

TEST(Desired, QuiescedServerStaysWithWeightZero) {
  auto service = web(1);
  service.quiesce_server = true;
  const auto config = with({service});
  const auto wanted = desired(config, all(config, Health::down), {});
  EXPECT_THAT(web_servers(wanted), ElementsAre(Pair(server_at(1), masq(0))));
  EXPECT_EQ(wanted.standings.at(web_key()).at(server_at(1)), Standing::quiesced);
}

TEST(Desired, UnknownServerIsNotAdded) {
  EXPECT_THAT(web_servers(desired(with({web(2)}), {}, {})), IsEmpty());
}

TEST(Desired, ServerThatIsNotCheckedIsUp) {
  auto service = web(1);
  service.check = config::NamedCheck{config::kNoCheck, {}};
  const auto table = desired(with({service}), {}, {}).table;
  EXPECT_EQ(table.at(web_key()).dests.at(server_at(1)).weight, 1);
}

TEST(Desired, UnknownServerKeepsItsPlaceAndWeight) {
  ipvs::Table actual;
  actual[web_key()].dests[server_at(2)] = masq(0);
  EXPECT_THAT(web_servers(desired(with({web(2)}), {}, actual)),
              ElementsAre(Pair(server_at(2), masq(0))));
}

TEST(Desired, InactiveServicesAndServersAreAbsent) {
  auto sleeping = web(1);
  sleeping.active = false;
  EXPECT_THAT(desired(with({sleeping}), {}, {}).table, IsEmpty());

  auto service = web(2);
  service.servers[1].active = false;
  const auto config = with({service});
  EXPECT_THAT(web_servers(desired(config, all(config, Health::up), {})),
              ElementsAre(Pair(server_at(1), masq(1))));
}

TEST(Desired, FailoverServicesNeedNoTable) {
  auto config = with({web(1)});
  config.service = config::ServiceMode::fos;
  EXPECT_THAT(desired(config, {}, {}).table, IsEmpty());
}

TEST(Desired, SorryServerServesWhenNoServerIsUp) {
  const auto config = web_with_sorry();
  const auto wanted = desired(config, all(config, Health::down), {});
  EXPECT_THAT(web_servers(wanted), ElementsAre(Pair(server_at(99), masq(1))));
  EXPECT_EQ(wanted.standings.at(web_key()).at(server_at(99)), Standing::sorry);
}

TEST(Desired, SorryServerStepsAsideForTheFirstServerThatIsUp) {
  const auto config = web_with_sorry();
  const Verdicts verdicts{{web_server(1), Health::up}, {web_server(2), Health::down}};
  ipvs::Table actual;
  actual[web_key()].dests[server_at(99)] = masq(1);
  EXPECT_THAT(web_servers(desired(config, verdicts, actual)),
              ElementsAre(Pair(server_at(1), masq(1))));
}

// Piranha put the sorry server in for a moment at every start.
TEST(Desired, SorryServerIsNotAddedBeforeAnythingIsKnown) {
  EXPECT_THAT(web_servers(desired(web_with_sorry(), {}, {})), IsEmpty());
}

TEST(Desired, SorryServerStaysWhileUnknownServersCouldReplaceIt) {
  ipvs::Table actual;
  actual[web_key()].dests[server_at(99)] = masq(1);
  const Verdicts one_down{{web_server(1), Health::down}};
  EXPECT_THAT(web_servers(desired(web_with_sorry(), one_down, actual)),
              ElementsAre(Pair(server_at(99), masq(1))));
}

TEST(Desired, ServerOfWeightZeroDoesNotKeepTheSorryServerAway) {
  auto config = web_with_sorry(1);
  config.virtuals.edit(0).servers[0].weight = 0;
  EXPECT_THAT(web_servers(desired(config, all(config, Health::up), {})),
              ElementsAre(Pair(server_at(1), masq(0)), Pair(server_at(99), masq(1))));
}

TEST(Desired, BelowTheQuorumTheSorryServerTakesTheNewConnections) {
  const auto config = web_with_sorry(3, 2);
  auto verdicts = all(config, Health::down);
  verdicts[web_server(1)] = Health::up;
  const auto wanted = desired(config, verdicts, {});
  EXPECT_THAT(web_servers(wanted),
              ElementsAre(Pair(server_at(1), masq(0)), Pair(server_at(99), masq(1))));
  EXPECT_EQ(wanted.standings.at(web_key()).at(server_at(1)), Standing::outvoted);
  verdicts[web_server(2)] = Health::up;
  EXPECT_THAT(web_servers(desired(config, verdicts, wanted.table)),
              ElementsAre(Pair(server_at(1), masq(1)), Pair(server_at(2), masq(1))));
}

TEST(Desired, DrainingServerStaysWithWeightZero) {
  ipvs::Table actual;
  actual[web_key()].dests[server_at(5)] = masq(3);
  EXPECT_THAT(web_servers(desired(with({web(1)}), {}, actual, {{web_server(5), {}}})),
              ElementsAre(Pair(server_at(5), masq(0))));
  EXPECT_THAT(web_servers(desired(with({web(1)}), {}, actual, {})), IsEmpty());
}

TEST(Desired, ForwardingIsTheServersOwnThenTheServicesThenTheNetworks) {
  auto service = web(2);
  service.forward = ipvs::Forward::tunnel;
  service.servers[0].forward = ipvs::Forward::masq;
  auto config = with({service});
  config.network = ipvs::Forward::direct;
  const auto wanted = desired(config, all(config, Health::up), {});
  EXPECT_EQ(web_servers(wanted).at(server_at(1)).forward, ipvs::Forward::masq);
  EXPECT_EQ(web_servers(wanted).at(server_at(2)).forward, ipvs::Forward::tunnel);
  config.virtuals.edit(0).forward.reset();
  EXPECT_EQ(web_servers(desired(config, all(config, Health::up), {})).at(server_at(2)).forward,
            ipvs::Forward::direct);
}

TEST(Desired, MarkServiceIsKeyedByItsMark) {
  auto service = web(1);
  service.fwmark = 80;
  EXPECT_THAT(desired(with({service}), {}, {}).table,
              ElementsAre(Pair(ipvs::ServiceKey(ipvs::MarkKey{80, Family::v4}), testing::_)));
}

TEST(Desired, MarkOverSeveralPortsKeepsTheClientsPort) {
  auto service = web(2);
  service.fwmark = 80;
  service.mark_ports = {{"tcp", {{80, 80}, {443, 443}}}};
  service.servers[1].port = 8080;
  service.servers[1].port_given = true;
  EXPECT_EQ(server_key(service, service.servers[0]), server_at(1, 0));
  EXPECT_EQ(server_key(service, service.servers[1]), server_at(2, 8080));
  service.mark_ports = {{"tcp", {{80, 80}}}};
  EXPECT_EQ(server_key(service, service.servers[0]), server_at(1, 80));
  service.mark_ports.clear();
  EXPECT_EQ(server_key(service, service.servers[0]), server_at(1, 80));
}

TEST(Desired, PersistenceComesWithItsMask) {
  auto service = web(1);
  service.persistent = std::chrono::milliseconds{1500};
  service.pmask_prefix = 24;
  const auto settings = service_settings(service);
  EXPECT_EQ(settings.flags, ipvs::kPersistent);
  EXPECT_EQ(settings.timeout, 2U);
  EXPECT_EQ(settings.prefix, 24U);
  service.persistent = Duration::zero();
  EXPECT_EQ(service_settings(service), ipvs::Service{});
}

TEST(Desired, SchedulerFlagsHaveTheirBits) {
  auto service = web(1);
  service.sched_flags = {"sh-port"};
  EXPECT_EQ(service_settings(service).flags, ipvs::kSched2);
  service.sched_flags = {"mh-fallback", "mh-port"};
  EXPECT_EQ(service_settings(service).flags, ipvs::kSched1 | ipvs::kSched2);
}

TEST(Desired, OnePacketSchedulingIsAFlagOfTheService) {
  auto service = web(1);
  service.ops = true;
  service.persistent = std::chrono::seconds(2);
  EXPECT_EQ(service_settings(service).flags, ipvs::kOnePacket | ipvs::kPersistent);
}

TEST(Desired, ThePersistenceEngineComesWithPersistence) {
  auto service = web(1);
  service.persistence_engine = "sip";
  EXPECT_EQ(service_settings(service).persistence_engine, "");
  service.persistent = std::chrono::seconds(2);
  EXPECT_EQ(service_settings(service).persistence_engine, "sip");
}

TEST(Desired, OfTwoServicesWithOneKeyTheFirstCounts) {
  auto second = web(1);
  second.name = "web2";
  second.scheduler = "rr";
  const auto config = with({web(1), second});
  const auto wanted = desired(config, {}, {});
  EXPECT_EQ(wanted.table.at(web_key()).service.scheduler, "wlc");
  EXPECT_THAT(skipped_services(config), ElementsAre(testing::HasSubstr("web2")));
}

Health random_health(Rng& rng, bool with_unknown) {
  const Health choices[] = {Health::up, Health::down, Health::unknown};
  return choices[rng.below(with_unknown ? 3 : 2)];
}

config::Config random_config(Rng& rng) {
  std::vector<config::VirtualService> services;
  for (uint16_t port = 80; port < 80 + 1 + rng.below(3); ++port) {
    auto service = web(static_cast<int>(rng.below(4)));
    service.port = port;
    service.fwmark = rng.chance(0.3) ? port : 0;
    service.quiesce_server = rng.chance(0.3);
    service.quorum = static_cast<int>(1 + rng.below(3));
    if (rng.chance(0.5)) {
      service.sorry_server = address("10.0.0." + std::to_string(rng.chance(0.2) ? 1 : 99));
    }
    for (auto& server : service.servers) {
      server.weight = static_cast<int>(rng.below(4));
      server.active = rng.chance(0.9);
    }
    services.push_back(service);
  }
  return with(services);
}

// The law that lets lvsd be killed at any time: whatever a former life left in the table, a new one
// that knows nothing yet wants exactly that.
TEST(Desired, AdoptingWithEverythingUnknownPlansNothing) {
  Rng rng(11);
  for (int i = 0; i < 5'000 && !HasFailure(); ++i) {
    const auto config = random_config(rng);
    auto verdicts = all(config, Health::up);
    for (auto& [id, health] : verdicts) {
      health = random_health(rng, false);
    }
    const ipvs::Table left = desired(config, verdicts, {}).table;
    SCOPED_TRACE("configuration " + std::to_string(i));
    EXPECT_THAT(plan(left, desired(config, {}, left).table, {}), IsEmpty());
  }
}

TEST(Desired, IsStableOnceApplied) {
  Rng rng(13);
  for (int i = 0; i < 5'000 && !HasFailure(); ++i) {
    const auto config = random_config(rng);
    auto verdicts = all(config, Health::up);
    for (auto& [id, health] : verdicts) {
      health = random_health(rng, true);
    }
    const ipvs::Table first = desired(config, verdicts, random_table(rng)).table;
    SCOPED_TRACE("configuration " + std::to_string(i));
    EXPECT_EQ(desired(config, verdicts, first).table, first);
  }
}

}  // namespace
}  // namespace lvs::lvsd
