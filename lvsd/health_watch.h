// Whom lvsd asks about the health of servers, and what it heard: the monitors that the
// configuration wants, the last verdict of each, and the life of nanny, which runs them.
//
// nanny: away --StartNanny--> starting --NannyUp--> up --NannyGone--> waiting (backoff, verdicts
//        kept) --time--> starting
// One that does not answer its pings is stopped, and is gone like one that died.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/backoff.h"
#include "common/liveness.h"
#include "lvsd/events.h"
#include "lvsd/failing_services.h"
#include "lvsd/monitors.h"
#include "lvsd/relapses.h"

namespace lvs::lvsd {

constexpr Duration kFirstVerdicts = std::chrono::seconds{3};
constexpr Duration kNannyRestartFirst = std::chrono::milliseconds{100};
constexpr Duration kNannyRestartMax = std::chrono::seconds{5};
constexpr Duration kNannyProven =
    std::chrono::seconds{10};  // After this long a restart begins at the first wait.

// Frozen after twelve seconds, when this process runs as it should. A nanny that reads the orders
// of 100,000 monitors, or waits for a CPU with 64 others, takes a few.
constexpr Duration kPingPause = std::chrono::seconds{1};
constexpr int kPingsUnanswered = 12;

// A nanny that is away for longer may have missed that a server failed; for so long that it was
// started again several times, nobody knows when there will be another one.
constexpr Duration kVerdictsHold = std::chrono::seconds{3};
constexpr Duration kNannyAway = std::chrono::seconds{10};

struct HeardVerdict {
  Verdict verdict;
  TimePoint since;  // Of the present health.
};

std::string to_word(Health health);  // up, down, recovering, cut, unknown
std::string to_words(Doubt doubt);   // "cannot be checked"

class HealthWatch {
 public:
  // The services as they are now; `changed` are those that came, went, or are not what they were.
  void take(const ActiveServices& services, const std::set<ipvs::ServiceKey>& changed,
            TimePoint now, Actions& actions);
  // Starts nanny when its time has come, asks whether it lives, or stops it.
  void keep(bool is_wanted, const config::Config& config, TimePoint now, Actions& actions);

  void on(const NannyUp& event, const ActiveServices& services, TimePoint now, Actions& actions);
  void on(const NannyGone& event, TimePoint now, Actions& actions);
  void on(const PongHeard& event, TimePoint now);
  // The servers whose health it changed, or of which it is the first word.
  std::vector<ServerId> on(const VerdictHeard& event, TimePoint now, Actions& actions);

  Health health_of(const ServerId& id) const;
  HeardHealth heard_of(const ServerId& id) const;
  const HeardVerdict* verdict_of(const ServerId& id) const;
  // The same, or why there is none: what nanny told of checks that it could never make.
  const Verdict* told_of(const ServerId& id) const;
  const MonitorSet& monitors() const { return monitors_; }
  // The health that another configuration would begin with.
  HealthOf health_under(const ActiveServices& services,
                        const std::set<ipvs::ServiceKey>& changed) const;
  // Whether this machine has a way to a server of each service that is checked (none is, or the
  // checks do not run: yes); nothing: no check has ended yet.
  std::optional<bool> has_way() const;
  struct Unserved {
    size_t cut;  // Services without a way to any server.
    // Others, of which each server is down and does not recover; nothing: no check has ended yet,
    // or nanny does not answer.
    std::optional<FailingCount> failing;
  };
  Unserved unserved(TimePoint now) const;
  // Nobody is asked: none.
  std::vector<std::pair<ipvs::ServiceKey, Doubt>> doubts(TimePoint now) const;
  bool are_checks_stopped(TimePoint now) const;
  // For a cause on this machine, and for longer than a few checks take.
  bool is_each_check_impossible(TimePoint now) const;
  // Whether nanny has answered for every monitor, or has run for kFirstVerdicts.
  bool has_heard_enough(TimePoint now) const;
  std::optional<int> nanny_pid() const { return pid_; }
  uint64_t nanny_restarts() const { return restarts_; }
  const std::string& nanny_end() const { return end_; }  // Why it was started again last.
  const std::string& nanny_user() const { return user_; }
  int pings_unanswered() const { return liveness_.unanswered(); }
  std::optional<TimePoint> wake_at() const { return pid_ ? liveness_.wake_at() : restart_at_; }

 private:
  void ask_whether_it_lives(TimePoint now, Actions& actions);
  void lost(const std::string& reason, TimePoint now, Actions& actions);
  bool is_away_for(Duration time, TimePoint now) const;
  // Whether nobody hears what becomes of the servers.
  bool is_blind(TimePoint now) const;
  void see_again(TimePoint now);
  void look_at(const ipvs::ServiceKey& service, TimePoint now);
  void look_at_services_on(MonitorId id, TimePoint now);
  void note_relapses(const MonitorSet::Watched& watched, Health before, Health after);
  const HeardVerdict* heard_from(std::optional<MonitorId> id) const;
  void announce(const std::vector<ServerId>& servers, const ActiveServices& services,
                Actions& actions) const;

  MonitorSet monitors_;
  std::map<MonitorId, HeardVerdict> verdicts_;
  std::map<MonitorId, Verdict> never_decided_;  // None of those.
  std::set<MonitorId> without_way_;             // Of these.
  std::set<MonitorId> failing_;                 // Down, or without a way.
  std::set<MonitorId> undecided_;               // No check has ended since there is a way.
  std::set<MonitorId> uncheckable_;             // This machine could not make the last check.
  FailingServices<ipvs::ServiceKey> failing_services_;
  Relapses relapses_;

  bool is_wanted_ = true;
  bool starting_ = false;
  std::optional<int> pid_;
  Liveness liveness_{{kPingPause, kPingsUnanswered}};
  TimePoint since_;
  std::optional<TimePoint> first_up_;
  std::optional<TimePoint> gone_at_;
  std::optional<TimePoint> restart_at_;
  Backoff backoff_{kNannyRestartFirst, kNannyRestartMax};
  std::string user_;
  uint64_t restarts_ = 0;
  std::string end_;
};

}  // namespace lvs::lvsd
