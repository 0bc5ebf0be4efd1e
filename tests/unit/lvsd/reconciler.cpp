// The reconciler in a small world: a core that is a table in memory, a nanny that does as told, a
// clock that this file moves. The world is a second shell: it performs the same actions as the real
// one.
#include "lvsd/reconciler.h"

#include <gmock/gmock.h>

#include <deque>

#include "tests/unit/lvsd/build.h"

namespace lvs::lvsd {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

constexpr int kWakesMax = 10'000;

class World {
 public:
  // What the core holds and refuses.
  ipvs::Table core;
  std::map<ServerId, uint32_t> connections;
  std::set<OpTarget> refused;
  ipvs::Timeouts timeouts{900, 120, 300};
  SyncDaemons daemons;
  std::set<Address> own_addresses;
  bool readable = true;
  bool loses_answers = false;  // Of every second operation; half of those are done.
  bool armable = true;
  // What the world saw.
  std::vector<ipvs::Request> ops;
  std::vector<LogEvent> lines;
  std::map<MonitorId, Monitor> monitors;  // In nanny.
  Owned saved;
  int reads = 0;
  int nanny_starts = 0;
  int nanny_stops = 0;
  int marks = 0;
  std::string marks_error;
  std::vector<Sysctl> sysctls;
  std::string sysctls_error;
  int sysctl_sets = 0;
  std::vector<std::string> mark_warnings;
  bool nanny_works = true;

  Reconciler lvsd;
  TimePoint now{1h};

  void feed(const Event& event) {
    queue_.push_back(event);
    while (!queue_.empty()) {
      const Event next = queue_.front();
      queue_.pop_front();
      const Step step = lvsd.step(next, now);
      for (const auto& action : step.actions) {
        std::visit([this](const auto& a) { perform(a); }, action);
      }
      wake_at_ = step.wake_at;
      if (wake_at_) {
        EXPECT_GT(*wake_at_, now) << "a wake that is not in the future";
      }
    }
  }

  void pass(Duration time) {
    const TimePoint until = now + time;
    for (int wakes = 0; wake_at_ && *wake_at_ <= until; ++wakes) {
      ASSERT_LT(wakes, kWakesMax) << "the reconciler spins";
      now = *wake_at_;
      feed(Timer{});
    }
    now = until;
  }

  void start(const config::Config& config, Owned owned = {}) {
    feed(Started{config, std::move(owned), false});
    pass(10ms);
  }

  void reload(const config::Config& config) {
    feed(Configured{config});
    pass(10ms);
  }

  // What nanny says of 10.0.0.HOST.
  void say(int host, Health health, std::string reason = "") {
    const Address target = address("10.0.0." + std::to_string(host));
    for (const auto& [id, monitor] : monitors) {
      if (monitor.target.address == target) {
        feed(VerdictHeard{{id, health, reason, 2ms}});
      }
    }
    pass(10ms);
  }

  void all_up() {
    for (const auto& [id, monitor] : std::map(monitors)) {
      feed(VerdictHeard{{id, Health::up, "", 1ms}});
    }
    pass(10ms);
  }

  std::vector<ipvs::DestKey> web_servers() const {
    std::vector<ipvs::DestKey> keys;
    const auto entry = core.find(web_key());
    if (entry != core.end()) {
      for (const auto& [key, dest] : entry->second.dests) {
        keys.push_back(key);
      }
    }
    return keys;
  }

  std::vector<std::string> markers() const {
    std::vector<std::string> markers;
    for (const auto& line : lines) {
      if (!line.marker.empty()) {
        markers.push_back(line.marker);
      }
    }
    return markers;
  }

  int count(const std::string& event) const {
    return static_cast<int>(
        std::count_if(lines.begin(), lines.end(), [&](const auto& l) { return l.event == event; }));
  }

 private:
  void perform(const ReadTable&) {
    ++reads;
    queue_.push_back(TableRead{
        readable ? Result<Snapshot>(Snapshot{core, connections, timeouts, daemons, own_addresses})
                 : Result<Snapshot>(Error{EIO, "core gone"})});
  }
  void perform(const ApplyOps& action) {
    OpsDone done{action.ops, {}};
    for (const auto& op : action.ops) {
      ops.push_back(op);
      if (loses_answers && ops.size() % 2 == 0) {
        if (ops.size() % 4 == 0) {
          apply_op(op, core);
        }
        done.errors.push_back(Error{ENOBUFS, "lost"});
        continue;
      }
      const bool accepted = !refused.contains(target_of(op)) && apply_op(op, core);
      if (accepted) {
        apply_others(op);
      }
      done.errors.push_back(accepted ? std::optional<Error>{}
                                     : Error{EINVAL, "refused by the core"});
    }
    queue_.push_back(done);
  }
  void apply_others(const ipvs::Request& op) {
    apply_daemon_op(op, daemons);
    if (const auto* config = std::get_if<ipvs::SetConfig>(&op)) {
      timeouts.tcp = config->timeouts.tcp != 0 ? config->timeouts.tcp : timeouts.tcp;
      timeouts.udp = config->timeouts.udp != 0 ? config->timeouts.udp : timeouts.udp;
    }
  }
  void perform(const SaveOwned& action) { saved = action.owned; }
  void perform(const SetInterfaces&) {}
  void perform(const SetSysctls& action) {
    ++sysctl_sets;
    sysctls = action.wanted;
    queue_.push_back(SysctlsDone{sysctls_error.empty() ? Result<Ok>(Ok{})
                                                       : Result<Ok>(Error{EACCES, sysctls_error})});
  }
  void perform(const ApplyMarks&) {
    ++marks;
    if (marks_error.empty()) {
      queue_.push_back(MarksDone{mark_warnings});
    } else {
      queue_.push_back(MarksDone{Error{EIO, marks_error}});
    }
  }
  void perform(const ArmCore& action) {
    queue_.push_back(
        ArmDone{armable ? Result<bool>(action.armed) : Result<bool>(Error{EIO, "map update"})});
  }
  void perform(const StartNanny&) {
    ++nanny_starts;
    monitors.clear();
    queue_.push_back(nanny_works ? Event(NannyUp{1000 + nanny_starts})
                                 : Event(NannyGone{"could not be executed"}));
  }
  void perform(const StopNanny&) {
    ++nanny_stops;
    monitors.clear();
  }
  void perform(const SendMonitorOrders& action) {
    for (const auto& order : action.orders) {
      if (const auto* set = std::get_if<SetMonitor>(&order)) {
        monitors[set->id] = set->monitor;
      } else {
        monitors.erase(std::get<RemoveMonitor>(order).id);
      }
    }
  }
  void perform(const Log& action) { lines.push_back(action.event); }

  std::deque<Event> queue_;
  std::optional<TimePoint> wake_at_;
};

ServerId web_server(int host) {
  return {web_key(), server_at(host)};
}

TEST(Reconciler, MakesServicesAtOnceAndServersWhenTheyAnswer) {
  World world;
  world.start(with({web(2)}));
  EXPECT_TRUE(world.core.contains(web_key()));
  EXPECT_THAT(world.web_servers(), IsEmpty());
  world.say(2, Health::up);
  EXPECT_THAT(world.web_servers(), ElementsAre(server_at(2)));
}

TEST(Reconciler, RemovesADeadServerAndTakesItBack) {
  World world;
  world.start(with({web(2)}));
  world.all_up();
  world.say(1, Health::down, "connect: Connection refused");
  EXPECT_THAT(world.web_servers(), ElementsAre(server_at(2)));
  world.say(1, Health::up);
  EXPECT_THAT(world.web_servers(), ElementsAre(server_at(1), server_at(2)));
}

TEST(Reconciler, PlansManyVerdictsTogether) {
  World world;
  world.start(with({web(200)}));
  world.ops.clear();
  const int applied = world.count("applied");
  world.all_up();
  EXPECT_THAT(world.ops, SizeIs(200));
  EXPECT_EQ(world.count("applied"), applied + 2) << "the first at once, the others together";
}

TEST(Reconciler, AVerdictAfterAPauseWaitsForNothing) {
  World world;
  world.start(with({web(2)}));
  world.all_up();
  world.pass(1s);
  world.ops.clear();
  world.feed(VerdictHeard{{1, Health::down, "", 1ms}});
  EXPECT_THAT(world.ops, ElementsAre(ipvs::DelDest{web_key(), server_at(1)}));
  EXPECT_EQ(world.lvsd.writes(), 4U) << "the service, two servers, one of them gone";
}

TEST(Reconciler, ReloadOfTheSameWritesNothing) {
  World world;
  world.start(with({web(2)}));
  world.all_up();
  world.ops.clear();
  world.reload(with({web(2)}));
  EXPECT_THAT(world.ops, IsEmpty());
  EXPECT_EQ(world.lvsd.writes(), 3U);
}

TEST(Reconciler, TheTableComesBeforeMarksAndMonitors) {
  Reconciler lvsd;
  const Step step = lvsd.step(Started{with({web(1)}), {}, false}, TimePoint{1h});
  EXPECT_THAT(step.actions, Contains(testing::VariantWith<ReadTable>(ReadTable{})));
  for (const auto& action : step.actions) {
    EXPECT_FALSE(std::holds_alternative<ApplyMarks>(action));
    EXPECT_FALSE(std::holds_alternative<StartNanny>(action));
  }
}

TEST(Reconciler, SpeaksPiranhasWords) {
  World world;
  world.start(with({web(1)}));
  world.say(1, Health::up);
  world.say(1, Health::down, "CONNECT timed out");
  world.reload(with({}));
  EXPECT_THAT(world.markers(),
              ElementsAre("starting virtual service web active: 80",
                          "create_monitor for web/rs1 running as pid 1001",
                          "[ active ] making 10.0.0.1:80 available",
                          "[inactive] shutting down 10.0.0.1:80 due to connection failure",
                          "rereading configuration file", "shutting down virtual service web"));
}

// Killed and started again: nothing is known, everything stays, not one operation.
TEST(Reconciler, AdoptsWhatAFormerLifeLeft) {
  World former;
  auto config = with({web(3)});
  config.virtuals.edit(0).sorry_server = address("10.0.0.99");
  former.start(config);
  former.all_up();
  former.say(2, Health::down);

  World world;
  world.core = former.core;
  world.start(config, former.saved);
  EXPECT_THAT(world.ops, IsEmpty());
  EXPECT_TRUE(world.lvsd.is_ready(world.now));
  world.pass(20s);
  EXPECT_THAT(world.ops, IsEmpty());
  EXPECT_EQ(world.core, former.core);
}

TEST(Reconciler, LeavesForeignServicesAloneAlsoWhenOursGo) {
  const ipvs::ServiceKey foreign = ipvs::MarkKey{7, Family::v4};
  World world;
  world.core[foreign].dests[server_at(7)] = {};
  const ipvs::Entry as_it_was = world.core[foreign];
  world.start(with({web(1)}));
  world.all_up();
  world.reload(with({}));
  world.pass(30s);
  EXPECT_THAT(world.core, ElementsAre(testing::Pair(foreign, as_it_was)));
  EXPECT_EQ(world.lvsd.drifts(), 0U);
}

TEST(Reconciler, RemovesAServiceThatWasOursInAFormerLife) {
  const ipvs::ServiceKey old_key = ipvs::MarkKey{7, Family::v4};
  World world;
  world.core[old_key] = {};
  world.start(with({web(1)}), {{old_key}, {}});
  EXPECT_FALSE(world.core.contains(old_key));
  EXPECT_THAT(world.saved.services, ElementsAre(web_key()));
}

TEST(Reconciler, RecordsAServiceAsOursBeforeItMakesIt) {
  Reconciler lvsd;
  const TimePoint now{1h};
  lvsd.step(Started{with({web(1)}), {}, false}, now);
  const Step step = lvsd.step(TableRead{Snapshot{}}, now);
  std::vector<std::string> order;
  for (const auto& action : step.actions) {
    if (std::holds_alternative<SaveOwned>(action)) {
      order.emplace_back("save");
    } else if (std::holds_alternative<ApplyOps>(action)) {
      order.emplace_back("apply");
    }
  }
  EXPECT_THAT(order, ElementsAre("save", "apply"));
}

TEST(Reconciler, ReloadChangesOnlyWhatChanged) {
  auto other = web(2);
  other.name = "other";
  other.port = 8080;
  World world;
  world.start(with({web(2), other}));
  world.all_up();
  world.ops.clear();
  auto heavier = web(2);
  heavier.servers[0].weight = 5;
  world.reload(with({heavier, other}));
  ipvs::Dest dest;
  dest.weight = 5;
  EXPECT_THAT(world.ops, ElementsAre(ipvs::Request(ipvs::SetDest{web_key(), server_at(1), dest})));
}

TEST(Reconciler, ReloadWithNewTimingsKeepsTheServersInTheTable) {
  World world;
  world.start(with({web(2)}));
  world.all_up();
  world.ops.clear();
  auto slower = web(2);
  slower.interval = 60s;
  world.reload(with({slower}));
  EXPECT_THAT(world.ops, IsEmpty());
  EXPECT_EQ(world.monitors.begin()->second.interval, 60s);
}

TEST(Reconciler, BrokenReloadKeepsTheRunningConfigurationAndIsRemembered) {
  World world;
  world.start(with({web(1)}));
  world.all_up();
  const ipvs::Table before = world.core;
  world.feed(ReloadFailed{"lvs.cf:12: port: expected a port"});
  world.pass(10s);
  EXPECT_EQ(world.core, before);
  EXPECT_THAT(world.lvsd.reload_error(), HasSubstr("lvs.cf:12"));
  world.reload(with({web(1)}));
  EXPECT_EQ(world.lvsd.reload_error(), "");
}

TEST(Reconciler, RepairsDriftAtTheNextCheck) {
  World world;
  world.start(with({web(2)}));
  world.all_up();
  const ipvs::Table as_wanted = world.core;
  world.core.clear();  // ipvsadm -C
  world.pass(kDriftCheck + 10ms);
  EXPECT_EQ(world.core, as_wanted);
  EXPECT_EQ(world.lvsd.drifts(), 1U);
  EXPECT_EQ(world.lvsd.repairs(), 3U);
  EXPECT_EQ(world.count("drift"), 1);
  world.pass(60s);
  EXPECT_EQ(world.lvsd.drifts(), 1U);
}

TEST(Reconciler, AServerThatTheCoreRefusesHoldsNobodyElseUp) {
  World world;
  world.refused.insert({web_key(), server_at(1)});
  world.start(with({web(3)}));
  world.all_up();
  EXPECT_THAT(world.web_servers(), ElementsAre(server_at(2), server_at(3)));
  EXPECT_THAT(world.lvsd.retries().failures(), SizeIs(1));
  EXPECT_TRUE(world.lvsd.is_ready(world.now));
  world.say(3, Health::down);
  EXPECT_THAT(world.web_servers(), ElementsAre(server_at(2)));
}

TEST(Reconciler, AServiceThatTheCoreRefusesHoldsNoOtherServiceUp) {
  auto other = web(1);
  other.port = 8080;
  const ipvs::ServiceKey other_key = service_key(other);
  World world;
  world.refused.insert({web_key(), {}});
  world.start(with({web(1), other}));
  world.all_up();
  EXPECT_FALSE(world.core.contains(web_key()));
  EXPECT_THAT(world.core.at(other_key).dests, SizeIs(1));
  EXPECT_EQ(world.count("change-failed"), 1);
}

TEST(Reconciler, RetriesWithGrowingPausesUntilItSucceeds) {
  World world;
  world.refused.insert({web_key(), server_at(1)});
  world.start(with({web(1)}));
  world.all_up();
  world.ops.clear();
  world.pass(3s);  // 200 + 400 + 800 + 1600 ms
  EXPECT_THAT(world.ops, SizeIs(testing::AllOf(testing::Ge(3U), testing::Le(4U))));
  EXPECT_EQ(world.count("change-failed"), 1) << "told once, not at each attempt";
  world.refused.clear();
  world.pass(kRetryMax);
  EXPECT_THAT(world.web_servers(), ElementsAre(server_at(1)));
  EXPECT_THAT(world.lvsd.retries().failures(), IsEmpty());
}

// Somebody made our service by hand between two reads: EEXIST, read again, go on from what is
// there.
TEST(Reconciler, ReadsAgainWhenTheTableIsNotAsItBelieved) {
  World world;
  world.start(with({}));
  world.core[web_key()].dests[server_at(9)] = {};
  world.reload(with({web(1)}));
  world.all_up();
  world.pass(1s);
  EXPECT_THAT(world.web_servers(), ElementsAre(server_at(1)));
  EXPECT_EQ(world.lvsd.drifts(), 0U);
}

TEST(Reconciler, ReadsTheTableAtOnceWhenAnswersAreLost) {
  World world;
  world.loses_answers = true;
  world.start(with({web(7)}));
  world.all_up();
  EXPECT_THAT(world.web_servers(), SizeIs(7)) << "without waiting as for a failure";
  EXPECT_THAT(world.lvsd.retries().failures(), IsEmpty());
  EXPECT_EQ(world.count("change-failed"), 0);
  EXPECT_EQ(world.lvsd.drifts(), 0U);
  EXPECT_GT(world.count("answers-lost"), 0);
}

TEST(Reconciler, KeepsVerdictsWhileNannyIsAway) {
  World world;
  world.start(with({web(2)}));
  world.all_up();
  world.say(1, Health::down);
  const ipvs::Table before = world.core;
  world.ops.clear();
  world.feed(NannyGone{"killed by signal 9"});
  world.pass(1s);
  EXPECT_EQ(world.nanny_starts, 2);
  EXPECT_THAT(world.monitors, SizeIs(2));
  EXPECT_EQ(world.core, before);
  EXPECT_THAT(world.ops, IsEmpty());
  world.say(1, Health::up);
  EXPECT_THAT(world.web_servers(), SizeIs(2));
}

TEST(Reconciler, StartsABrokenNannyLessAndLessOften) {
  World world;
  world.nanny_works = false;
  world.start(with({web(1)}));
  world.pass(1min);
  // 0.1 0.2 0.4 0.8 1.6 3.2 s, then every 5 s.
  EXPECT_GE(world.nanny_starts, 14);
  EXPECT_LE(world.nanny_starts, 18);
  EXPECT_FALSE(world.lvsd.is_ready(world.now));
}

TEST(Reconciler, IsReadyWhenEveryMonitorHasAnswered) {
  World world;
  world.start(with({web(2)}));
  EXPECT_FALSE(world.lvsd.is_ready(world.now));
  world.say(1, Health::down);
  EXPECT_FALSE(world.lvsd.is_ready(world.now));
  world.say(2, Health::up);
  EXPECT_TRUE(world.lvsd.is_ready(world.now));
}

TEST(Reconciler, IsReadyAfterABoundWhenMonitorsAreSlow) {
  World world;
  world.start(with({web(1)}));
  world.pass(kFirstVerdicts);
  EXPECT_TRUE(world.lvsd.is_ready(world.now));
}

TEST(Reconciler, IsNotReadyWhileTheCoreCannotBeRead) {
  World world;
  world.start(with({web(1)}));
  world.all_up();
  world.readable = false;
  world.pass(kDriftCheck + 1s);
  EXPECT_FALSE(world.lvsd.is_ready(world.now));
  EXPECT_EQ(world.count("core-unreadable"), 1);
  world.readable = true;
  world.pass(kReadRetryMax);
  EXPECT_TRUE(world.lvsd.is_ready(world.now));
}

// What fails because the core is going says nothing about a service.
TEST(Reconciler, ACoreThatCannotBeReadIsTheOnlyFailureThatIsShown) {
  World world;
  world.start(with({web(1)}));
  world.refused = {{web_key(), server_at(1)}};
  world.say(1, Health::up);
  EXPECT_THAT(world.lvsd.retries().failures(), SizeIs(1));
  world.readable = false;
  world.pass(kDriftCheck + kReadRetry);
  EXPECT_THAT(world.lvsd.retries().failures(), IsEmpty());
  EXPECT_NE(world.lvsd.core_error(), "");
}

TEST(Reconciler, AsksACoreThatCannotBeReadLessAndLessOften) {
  World world;
  world.readable = false;
  world.start(with({web(1)}));
  world.reads = 0;
  world.pass(10min);
  EXPECT_LE(world.reads, 10min / kReadRetryMax + 5);
  EXPECT_EQ(world.count("core-unreadable"), 1);
  world.readable = true;
  world.pass(kReadRetryMax);
  EXPECT_TRUE(world.core.contains(web_key()));
  EXPECT_EQ(world.count("core-readable"), 1);
}

// As ip_vs does that is unloaded and loaded again.
TEST(Reconciler, PutsTheWholeTableBackIntoACoreThatReturnsEmpty) {
  World world;
  world.start(with({web(2)}));
  world.all_up();
  const ipvs::Table before = world.core;
  world.readable = false;
  world.core.clear();
  world.pass(kDriftCheck);
  world.ops.clear();
  world.say(1, Health::down);
  world.say(1, Health::up);
  world.pass(1min);
  EXPECT_THAT(world.ops, IsEmpty()) << "nothing is asked of a core that cannot be read";
  world.readable = true;
  world.pass(kReadRetryMax);
  EXPECT_EQ(world.core, before);
}

TEST(Reconciler, ArmsAndDisarmsAsPulseSays) {
  World world;
  world.start(with({web(1)}));
  EXPECT_FALSE(world.lvsd.armed());
  world.feed(RoleSaid{true});
  EXPECT_TRUE(world.lvsd.armed());
  world.feed(RoleSaid{false});
  EXPECT_FALSE(world.lvsd.armed());
}

TEST(Reconciler, ArmsAtTheNextWordWhenItFailedOnce) {
  World world;
  world.start(with({web(1)}));
  world.armable = false;
  world.feed(RoleSaid{true});
  EXPECT_FALSE(world.lvsd.armed());
  world.armable = true;
  world.feed(RoleSaid{true});
  EXPECT_TRUE(world.lvsd.armed());
}

TEST(Reconciler, AnAdoptedArmedCoreStaysArmedUntilTold) {
  World world;
  world.feed(Started{with({web(1)}), {}, true});
  world.pass(10s);
  EXPECT_TRUE(world.lvsd.armed());
}

TEST(Reconciler, MonitorsOnlyOnTheActiveWhenTold) {
  auto config = with({web(1)});
  config.standby_monitoring = false;
  World world;
  world.start(config);
  EXPECT_EQ(world.nanny_starts, 0);
  EXPECT_TRUE(world.lvsd.is_ready(world.now));
  world.feed(RoleSaid{true});
  world.feed(Timer{});
  EXPECT_EQ(world.nanny_starts, 1);
  world.all_up();
  world.feed(RoleSaid{false});
  world.feed(Timer{});
  EXPECT_EQ(world.nanny_stops, 1);
  EXPECT_THAT(world.web_servers(), SizeIs(1)) << "the standby stays warm";
}

config::Config draining_web(int servers) {
  auto service = web(servers);
  service.drain = 60s;
  return with({service});
}

TEST(Reconciler, RemovedServerKeepsItsConnectionsUntilTheyEnd) {
  World world;
  world.start(draining_web(2));
  world.all_up();
  world.connections[web_server(2)] = 3;
  world.reload(draining_web(1));
  EXPECT_EQ(world.core.at(web_key()).dests.at(server_at(2)).weight, 0);
  world.pass(20s);
  EXPECT_THAT(world.web_servers(), SizeIs(2));
  world.connections.clear();
  world.pass(kDrainCheck + 10ms);
  EXPECT_THAT(world.web_servers(), ElementsAre(server_at(1)));
}

TEST(Reconciler, DrainingEndsAtItsDeadline) {
  World world;
  world.start(draining_web(2));
  world.all_up();
  world.connections[web_server(2)] = 3;
  world.reload(draining_web(1));
  world.pass(59s);
  EXPECT_THAT(world.web_servers(), SizeIs(2));
  world.pass(3s);
  EXPECT_THAT(world.web_servers(), SizeIs(1));
}

TEST(Reconciler, ServerThatComesBackWhileDrainingWorksAgain) {
  World world;
  world.start(draining_web(2));
  world.all_up();
  world.connections[web_server(2)] = 3;
  world.reload(draining_web(1));
  world.reload(draining_web(2));
  world.say(2, Health::up);
  EXPECT_EQ(world.core.at(web_key()).dests.at(server_at(2)).weight, 1);
}

TEST(Reconciler, WithoutDrainARemovedServerGoesAtOnce) {
  World world;
  world.start(with({web(2)}));
  world.all_up();
  world.connections[web_server(2)] = 3;
  world.reload(with({web(1)}));
  EXPECT_THAT(world.web_servers(), ElementsAre(server_at(1)));
}

TEST(Reconciler, RetriesMarkRulesThatFail) {
  World world;
  world.marks_error = "iptables-restore: exit status 4";
  world.start(with({web(1)}));
  EXPECT_EQ(world.marks, 1);
  world.pass(1s);
  EXPECT_GE(world.marks, 3);
  EXPECT_EQ(world.count("marks-failed"), 1);
  EXPECT_THAT(world.lvsd.marks_error(), HasSubstr("iptables-restore"));
  world.marks_error.clear();
  world.pass(kRetryMax);
  EXPECT_EQ(world.lvsd.marks_error(), "");
}

// Also without rules of ours: those of the administrator's may come and go.
TEST(Reconciler, LogsAMarkWarningOnceAndForgetsIt) {
  World world;
  config::Config marked = with({web(1)});
  marked.virtuals.edit(0).fwmark = 80;
  world.mark_warnings = {"web (fwmark 80): no rule"};
  world.start(marked);
  world.pass(kDriftCheck * 3);
  EXPECT_EQ(world.lvsd.mark_warnings(), world.mark_warnings);
  EXPECT_EQ(world.count("marks"), 1);
  world.mark_warnings.clear();
  world.pass(kDriftCheck);
  EXPECT_THAT(world.lvsd.mark_warnings(), IsEmpty());
}

// `nft flush ruleset` takes the mark rules along.
TEST(Reconciler, LooksAfterMarkRulesAsAfterTheTable) {
  auto marked = web(1);
  marked.fwmark = 80;
  marked.mark_ports = {{"tcp", {{80, 80}}}};
  World world;
  world.start(with({marked}));
  world.pass(1min);
  EXPECT_GE(world.marks, 12);
  World without;
  without.start(with({web(1)}));
  without.pass(1min);
  EXPECT_EQ(without.marks, 1);
}

TEST(Reconciler, SetsTimeOutsThatDifferAndRepairsThem) {
  auto config = with({web(1)});
  config.tcp_timeout = 1200;
  config.udp_timeout = 300;
  World world;
  world.start(config);
  EXPECT_THAT(world.ops, Contains(ipvs::Request(ipvs::SetConfig{{1200, 0, 0}})));
  EXPECT_EQ(world.timeouts, (ipvs::Timeouts{1200, 120, 300}));
  world.ops.clear();
  world.pass(20s);
  world.reload(config);
  EXPECT_THAT(world.ops, IsEmpty());
  config.tcp_timeout = 600;
  world.reload(config);
  EXPECT_THAT(world.ops, ElementsAre(ipvs::Request(ipvs::SetConfig{{600, 0, 0}})));
  world.timeouts.udp = 10;
  world.pass(kDriftCheck + 10ms);
  EXPECT_EQ(world.timeouts, (ipvs::Timeouts{600, 120, 300}));
}

config::Config on_the_kernel(config::Config config) {
  config.core = config::CoreKind::kernel;
  return config;
}

config::Config synchronised() {
  auto config = on_the_kernel(with({web(1)}));
  config.syncdaemon = true;
  config.syncd_id = 7;
  return config;
}

TEST(Reconciler, TheSyncDaemonFollowsTheRole) {
  World world;
  world.start(synchronised());
  EXPECT_THAT(world.daemons, IsEmpty());
  world.feed(RoleSaid{false});
  ASSERT_THAT(world.daemons, SizeIs(1));
  EXPECT_EQ(to_string(world.daemons[0]), "backup on eth0, id 7");
  world.feed(RoleSaid{true});
  ASSERT_THAT(world.daemons, SizeIs(1));
  EXPECT_EQ(to_string(world.daemons[0]), "master on eth0, id 7");
  EXPECT_EQ(world.saved.daemons, world.daemons);
  world.daemons.clear();
  world.pass(kDriftCheck + 10ms);
  EXPECT_THAT(world.daemons, SizeIs(1)) << "stopped by somebody else";
}

TEST(Reconciler, ASyncDaemonThatFailsHoldsNobodyElseUp) {
  World world;
  world.refused = {{{}, {}, ipvs::DaemonRole::master}};
  world.start(synchronised());
  world.all_up();
  world.feed(RoleSaid{true});
  world.pass(1s);
  EXPECT_TRUE(world.lvsd.armed());
  EXPECT_THAT(world.web_servers(), SizeIs(1));
  EXPECT_THAT(world.lvsd.retries().failures(), SizeIs(1));
}

// Both directors of a pair serve the web, and one of them is 10.0.0.1.
TEST(Reconciler, AStandbyThatIsAServerItselfProgramsTheServiceWhenItBecomesActive) {
  World world;
  world.own_addresses = {address("10.0.0.1")};
  world.start(on_the_kernel(with({web(2)})));
  world.all_up();
  world.feed(RoleSaid{false});
  EXPECT_FALSE(world.core.contains(web_key()));
  EXPECT_FALSE(world.lvsd.armed());
  EXPECT_TRUE(world.lvsd.is_ready(world.now));
  EXPECT_THAT(world.lvsd.wanted().held_back, SizeIs(1));
  world.say(2, Health::down);
  world.say(2, Health::up);
  EXPECT_FALSE(world.core.contains(web_key())) << "a verdict does not change that";

  world.feed(RoleSaid{true});
  EXPECT_TRUE(world.lvsd.armed()) << "pulse adds the addresses at this word";
  EXPECT_THAT(world.web_servers(), SizeIs(2));

  world.feed(RoleSaid{false});
  EXPECT_FALSE(world.core.contains(web_key()));
  EXPECT_FALSE(world.lvsd.armed());
  EXPECT_THAT(world.ops, Not(Contains(ipvs::Request(ipvs::Flush{}))));
}

// ip_vs handles no packet then, and connections that come in need their servers in the table.
TEST(Reconciler, AStandbyThatTakesInConnectionsHasTheWholeTable) {
  World world;
  world.own_addresses = {address("10.0.0.1")};
  world.start(synchronised());
  world.all_up();
  world.feed(RoleSaid{false});
  EXPECT_THAT(world.sysctls, Contains(Sysctl{"net/ipv4/vs/backup_only", "1"}));
  EXPECT_THAT(world.web_servers(), SizeIs(1));
  world.ops.clear();
  world.feed(RoleSaid{true});
  world.feed(RoleSaid{false});
  EXPECT_THAT(world.ops, SizeIs(4)) << "two daemons stopped, two started, the table untouched";
}

TEST(Reconciler, AStandbyThatIsNotSwitchedOffAfterAllHoldsItsServicesBack) {
  World no_daemon;
  no_daemon.refused = {{{}, {}, ipvs::DaemonRole::backup}};
  World no_sysctls;
  no_sysctls.sysctls_error = "set net/ipv4/vs/backup_only = 1: Permission denied";
  for (World* world : {&no_daemon, &no_sysctls}) {
    world->own_addresses = {address("10.0.0.1")};
    world->start(synchronised());
    world->all_up();
    world->feed(RoleSaid{false});
    world->pass(1min);
    EXPECT_FALSE(world->core.contains(web_key()));
    world->refused.clear();
    world->sysctls_error.clear();
    world->pass(1min);
    EXPECT_TRUE(world->core.contains(web_key()));
  }
}

TEST(Reconciler, SetsSysctlsWhenTheyChangeAndAgainInAnIpvsThatWasLoadedAgain) {
  World world;
  world.start(on_the_kernel(with({web(1)})));
  EXPECT_EQ(world.sysctl_sets, 0) << "before the role is said";
  world.feed(RoleSaid{true});
  world.pass(1min);
  EXPECT_EQ(world.sysctl_sets, 1);
  EXPECT_THAT(world.sysctls, Contains(Sysctl{"net/ipv4/vs/expire_nodest_conn", "1"}));
  world.readable = false;
  world.pass(1min);
  world.readable = true;
  world.pass(1min);
  EXPECT_EQ(world.sysctl_sets, 2);
  world.reload(on_the_kernel(with({})));
  EXPECT_EQ(world.sysctl_sets, 3);
  EXPECT_THAT(world.sysctls, IsEmpty());
}

TEST(Reconciler, TriesSysctlsThatFailAgainAndSaysItOnce) {
  World world;
  world.sysctls_error = "set net/ipv4/ip_forward = 1: Permission denied";
  world.start(with({web(1)}));
  world.pass(1min);
  EXPECT_GE(world.sysctl_sets, 10);
  EXPECT_LE(world.sysctl_sets, 20);
  EXPECT_EQ(world.count("sysctls-failed"), 1);
  EXPECT_THAT(world.lvsd.sysctls_error(), HasSubstr("Permission denied"));
  world.sysctls_error.clear();
  world.pass(kDriftCheck + 10ms);
  EXPECT_EQ(world.lvsd.sysctls_error(), "");
}

TEST(Reconciler, LeavesSysctlsAloneWhenTold) {
  auto config = with({web(1)});
  config.manage_sysctls = false;
  World world;
  world.start(config);
  world.pass(1min);
  EXPECT_EQ(world.sysctl_sets, 0);
}

TEST(Reconciler, IpvsIsNotArmedWhileItCannotBeRead) {
  World world;
  world.readable = false;
  world.start(on_the_kernel(with({web(1)})));
  world.pass(10s);
  world.feed(RoleSaid{true});
  EXPECT_FALSE(world.lvsd.armed());
  world.readable = true;
  world.pass(kReadRetryMax);
  EXPECT_TRUE(world.lvsd.armed());
}

TEST(Reconciler, RestartedOnTheKernelItChangesNothingBeforeTheRoleIsSaid) {
  for (const bool active : {false, true}) {
    auto config = synchronised();
    config.virtuals = {web(2)};
    World former;
    former.own_addresses = {address("10.0.0.1")};
    former.start(config);
    former.all_up();
    former.feed(RoleSaid{active});

    World world;
    world.own_addresses = former.own_addresses;
    world.core = former.core;
    world.daemons = former.daemons;
    world.start(config, former.saved);
    world.all_up();
    world.pass(20s);
    world.feed(RoleSaid{active});
    EXPECT_THAT(world.ops, IsEmpty()) << (active ? "active" : "standby");
  }
}

TEST(Reconciler, IgnoresVerdictsOfMonitorsItDoesNotKnow) {
  World world;
  world.start(with({web(1)}));
  world.feed(VerdictHeard{{999, Health::up, "", 1ms}});
  world.pass(10ms);
  EXPECT_THAT(world.web_servers(), IsEmpty());
}

TEST(Reconciler, TellsWhatAReloadWouldDo) {
  World world;
  world.start(with({web(2)}));
  world.all_up();
  EXPECT_THAT(world.lvsd.plan_for(with({web(2)})), IsEmpty());
  EXPECT_THAT(world.lvsd.plan_for(with({web(1)})),
              ElementsAre(ipvs::Request(ipvs::DelDest{web_key(), server_at(2)})));
  auto slower = with({web(2)});
  slower.tcp_timeout = 1200;
  EXPECT_THAT(world.lvsd.plan_for(slower),
              ElementsAre(ipvs::Request(ipvs::SetConfig{{1200, 0, 0}})));
}

// Whatever happens, in whatever order, on either core: once the world is calm the table is the
// desired one, foreign services are untouched, and nothing is left to do.
TEST(Reconciler, ConvergesAfterAnyDisorder) {
  const ipvs::ServiceKey foreign = ipvs::MarkKey{77, Family::v4};
  for (uint64_t seed = 1; seed <= 300 && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Rng rng(seed);
    World world;
    world.core[foreign].dests[server_at(7)] = {};
    world.own_addresses = {address("10.0.0.3")};
    const auto on_a_core = [&](config::Config config) {
      return seed % 2 == 0 ? on_the_kernel(std::move(config)) : config;
    };
    world.start(on_a_core(with({web(3)})));
    for (int i = 0; i < 60; ++i) {
      const int host = static_cast<int>(1 + rng.below(4));
      switch (rng.below(10)) {
        case 0:
          world.say(host, Health::up);
          break;
        case 1:
          world.say(host, Health::down);
          break;
        case 2:
          world.reload(on_a_core(with({web(static_cast<int>(rng.below(5)))})));
          break;
        case 3:
          world.reload(on_a_core(draining_web(static_cast<int>(rng.below(5)))));
          break;
        case 4:
          world.feed(NannyGone{"killed"});
          break;
        case 5:
          world.refused = {{web_key(), server_at(host)}};
          break;
        case 6:
          world.core.erase(web_key());
          break;
        case 7:
          world.feed(RoleSaid{rng.chance(0.5)});
          break;
        case 8:
          world.pass(std::chrono::milliseconds{rng.below(3000)});
          break;
        case 9:
          world.readable = rng.chance(0.5);
          break;
      }
    }
    world.refused.clear();
    world.readable = true;
    world.pass(2min);
    EXPECT_THAT(world.lvsd.pending(), IsEmpty());
    EXPECT_TRUE(world.core.contains(foreign));
    ipvs::Table ours = world.core;
    ours.erase(foreign);
    EXPECT_EQ(ours, world.lvsd.wanted().table);
    EXPECT_EQ(world.lvsd.actual(), world.core);
    EXPECT_THAT(world.lvsd.plan_for(world.lvsd.config()), IsEmpty())
        << "what came piece by piece differs from the whole";
  }
}

}  // namespace
}  // namespace lvs::lvsd
