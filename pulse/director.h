// Which of the two directors holds the floating addresses: the arbitration of pulse as a pure
// value. It owns no timer, no socket and no clock; the shell (io/) and the simulator (tests/sim/)
// feed it events and perform its actions in order. The rules are Piranha's decision table, made
// deterministic, plus ability, terms, leases and a split guard (docs/heartbeat.md tells the story).
// clang-format off
//
//   state         holds  means
//   listening     no     just started: silence is no evidence yet
//   standby       no     the peer serves, or nobody may
//   preparing     no     the peer hands over: our core is being armed
//   adopting      yes    found own addresses with a living lease: renews, announces nothing, asks
//                        the segment who else has them
//   active        yes    serves
//   handing-over  yes    serves until the peer is active, then lets go
//   stopped       no     said goodbye
//
//   event             listening, standby   adopting               active               handing-over
//   peer active       standby              higher term: standby   primary: stay and    standby
//                                          else primary: active   announce again
//                                          else standby           backup: standby
//   peer adopting     standby              higher term wins,      stay                 stay
//                                          a tie: the primary
//   peer handing over able: preparing      as peer active         as peer active, but  as peer
//                                                                 of lower term: stay  active
//   peer passive,     primary and able:    active                 stay                 stay
//     able            active
//   peer passive,     able: active         active                 stay                 active
//     not able
//   peer's goodbye    able: active         active                 stay                 active
//   silence for       able and no split    active                 stay                 active
//     deadtime        guard veto: active
//   unheard, it       stay (the veto)      stay                   backup: standby      -
//     answers itself
//     for an address
//   unheard, nobody   -                    active                 -                    -
//     answers for one
//   no carrier left   stay, not able       standby                standby              standby
//   a service link    stay                 -                      standby, once        -
//     and all paths lost
//   lease over        -                    standby                standby              standby
//   less fit than     stay                 -                      handing-over         stay
//     a passive peer
//   peer asks for it  -                    -                      handing-over         stay
//   stop              stopped              stopped                peer able:           stopped when
//                                                                 handing-over         the peer is
//                                                                 else stopped         active
//
// clang-format on
// Held by the operator (lvsctl hold): nothing leads to preparing or active, and from active only a
// stop leads to handing-over. What makes a director let go does so.
// With Piranha's heartbeats (legacy.h) a peer is active or passive, and is heard without being
// asked: no handover; from active, less than able leads to standby, once. preparing: as standby,
// but what would lead to active does so at once; "core armed" does too; the peer active again,
// inability or a second without an answer lead back to standby. "able" is Ability (able.h), "fit"
// has four grades: able, in part, hardly, not at all (wire.h); of two, the one that can serve more
// services is the fitter (standing.h). Where nobody is able, "able" means: hardly or better, and
// not less fit than the peer. who may be believed is Peer's matter (peer.h); veto: split_guard.h.
#pragma once

#include <cerrno>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "common/address.h"
#include "common/log.h"
#include "common/result.h"
#include "common/time.h"
#include "pulse/able.h"
#include "pulse/announce_plan.h"
#include "pulse/announce_queue.h"
#include "pulse/disbelief.h"
#include "pulse/lease.h"
#include "pulse/legacy.h"
#include "pulse/notice.h"
#include "pulse/own_failures.h"
#include "pulse/peer.h"
#include "pulse/settings.h"
#include "pulse/split_guard.h"
#include "pulse/standing.h"
#include "pulse/status.h"
#include "pulse/wire.h"

namespace lvs::pulse {

using PathId = size_t;  // Index into Settings::paths.

// What must outlive the process: a file under /run; all but the term a boot too.
struct Kept {
  uint64_t term = 0;
  std::vector<Mac> peer_macs;
  std::optional<Hold> hold;
  bool operator==(const Kept&) const = default;
};

// ---- Events ----

// The first event, once. `found`: configured floating addresses that the machine already holds.
// `valid_until`: the time *before* the kernel was asked plus the lifetime that it told; nothing:
// permanent.
struct FoundAddress {
  Address address;
  std::optional<TimePoint> valid_until;
};
struct Started {
  std::vector<FoundAddress> found;
  Kept kept;
};
struct TimerFired {};
// A datagram came in on a path; the shell has called decode().
struct Heard {
  PathId path = 0;
  Decoded decoded;
};
// With Piranha's heartbeats: one that can be read; others come as Heard.
struct HeardWord {
  PathId path = 0;
  Word word = Word::other;
};
// Up: administratively up, with carrier. Devices never told about count as up.
struct LinkChanged {
  std::string device;
  bool up = true;
  bool exists = true;
};
// Hardware addresses of the devices with floating addresses: a bond has another one, a device came.
struct OwnMacs {
  std::vector<Mac> macs;
};
// Ready: its control socket answered "ready". failed_restarts: in a row; 0 when ready.
struct LvsdChanged {
  bool ready = false;
  int failed_restarts = 0;
};
// Whether there is a way to a server of each service; nothing: lvsd does not know, it does not
// check.
struct WayChanged {
  std::optional<bool> has_way;
};
// What lvsd's checks of servers tell: of how many services there is no way to a server; of how many
// others too few servers work, as it counts if this director serves and if it does not (nothing: it
// is not known), which ones those are, which of them it cannot check at all, which failed by
// chance, and which it would be in doubt of (lvsd/failing_services.h).
struct ServicesChanged {
  uint16_t cut = 0;
  Unserved failing_if_active;
  Unserved failing_if_standby;
  std::vector<ServiceId> failing;      // If it does not serve.
  std::vector<ServiceId> uncheckable;  // Of these.
  std::vector<ServiceId> recovered;    // Of these.
  std::vector<ServiceId> certain;      // To fail, if it serves.
  std::vector<ServiceId> doubtful;     // If it serves.
  // Nobody checks, for longer than a restart of nanny takes; or, of one that does not serve: no
  // check can be made.
  bool checks_stopped = false;
  bool operator==(const ServicesChanged&) const = default;
};
// lvsd answered ArmCore: its core is armed now.
struct CoreArmed {};
// Whether at least one witness answers.
struct WitnessChanged {
  bool answers = false;
};
// Someone answered for, or announced, a floating address or one of the peer's own: an ARP or NA
// with its own MAC.
struct AddressClaimed {
  Address address;
  Mac mac{};
};
// A floating address vanished from the machine (RTM_DELADDR), also by our own removal.
struct AddressGone {
  Address address;
};
// AddAddresses or RenewAddresses did not succeed; code ETIME: dropped, perform_before was over;
// EEXIST: the device holds it, but somebody else added it.
struct AddressFailed {
  Address address;
  Error error;
};
// AddAddresses or RenewAddresses was performed, as far as it could be.
struct AddressesDone {};
// Somebody else added a floating address to this machine, or has removed that one.
struct ForeignAddress {
  Address address;
  bool is_there = true;
};
// The operator's wish; answered by one Answer.
struct Switchover {};
// The operator's: stay in this role, until released. Each is answered by one Answer.
struct HoldRole {
  Hold hold;
};
struct ReleaseRole {};
// --forceactive, after Started: do not listen for the peer first.
struct ForceActive {};
// SIGTERM; ends with Exit.
struct Stop {};
// lvs.cf was reread. Node, cluster id, paths and `alone` keep their first values.
struct Reconfigured {
  Settings settings;
};

using Event = std::variant<Started, TimerFired, Heard, HeardWord, LinkChanged, OwnMacs, LvsdChanged,
                           WayChanged, ServicesChanged, CoreArmed, WitnessChanged, AddressClaimed,
                           AddressGone, AddressFailed, AddressesDone, ForeignAddress, Switchover,
                           HoldRole, ReleaseRole, ForceActive, Stop, Reconfigured>;

// ---- Actions, to be performed in the order given ----

// encode() it once, send it on every path, or on the one named.
struct SendHeartbeat {
  Heartbeat heartbeat;
  std::optional<PathId> only;
};
// Piranha's heartbeat, on every path.
struct SendWord {
  Word word = Word::stopped;
};
// Tell lvsd "active", now and whenever it comes back; feed CoreArmed when it has answered.
struct ArmCore {};
// Tell lvsd "not active". Before the first of these two actions the shell says nothing to lvsd.
struct DisarmCore {};
// Of a director that does not serve: tell lvsd to arm its core all the same, since its peer is
// nearly silent for long enough; or that it was heard again.
struct ArmAhead {
  bool armed = false;
  bool operator==(const ArmAhead&) const = default;
};
// With a lifetime: preferred and valid lifetime of the addresses; and once the clock has reached
// *perform_before (the process was stopped between decision and action) those not added yet must be
// dropped and reported as AddressFailed with ETIME. Without: permanent. One that is there is
// replaced. Answered by AddressesDone, once what waited in the meantime was heard; unless
// DisarmCore came first. Until then no other is asked for.
struct AddAddresses {
  std::vector<FloatingAddress> addresses;
  std::optional<std::chrono::seconds> lifetime;
  std::optional<TimePoint> perform_before;
};
// The same, for addresses that should be there: a new lifetime.
struct RenewAddresses {
  std::vector<FloatingAddress> addresses;
  std::optional<std::chrono::seconds> lifetime;
  std::optional<TimePoint> perform_before;
};
// An address that is not there is no error.
struct RemoveAddress {
  FloatingAddress address;
};
// One gratuitous ARP or unsolicited NA; the core repeats.
struct Announce {
  FloatingAddress address;
};
// One ARP request or NS for it on its device, to everybody or to one alone; answers come as
// AddressClaimed.
struct ProbeAddress {
  FloatingAddress address;
  std::optional<Mac> only;
};
// The role is another one now. To notify_fifo.
struct TellRole {
  Notice notice = Notice::backup;
};
// active_cmd, inactive_cmd: started, not waited for.
struct RunCommand {
  std::string command;
  bool operator==(const RunCommand&) const = default;
};
// Write to /run.
struct Keep {
  Kept kept;
};
// To the operator's Switchover, HoldRole or ReleaseRole.
struct Answer {
  bool ok = false;
  std::string text;
};
// Stopped: nothing is held any more, the process may end.
struct Exit {};

using Action = std::variant<SendHeartbeat, SendWord, ArmCore, DisarmCore, ArmAhead, AddAddresses,
                            RenewAddresses, RemoveAddress, Announce, ProbeAddress, TellRole,
                            RunCommand, Keep, Answer, Exit, LogEvent>;

struct Step {
  std::vector<Action> actions;
  std::optional<TimePoint> wake_at;  // Strictly in the future.
};

// To arm a core takes some milliseconds, on a busy machine twenty: that is done before the peer is
// silent for long enough, and not again for a while if it was heard after all.
inline constexpr Duration kAheadMax = std::chrono::milliseconds{20};
inline constexpr Duration kAheadPause = std::chrono::seconds{10};
// A neighbour that cannot be resolved lets frames wait (in Linux three seconds), and when it can be
// they all come at once: after a gap in the heartbeats the first one heard may be the oldest.
inline constexpr Duration kNewsSettle = std::chrono::milliseconds{20};
// lvsd reads a new configuration for itself, and is asked once a second: what it told of services
// may be of the old one still.
// So long one that serves nobody counts as such when it knows no more: a restart, and some checks.
inline constexpr Duration kNobodyKept = std::chrono::seconds{30};
inline constexpr Duration kServicesSettle = std::chrono::seconds{3};
// After a move for the sake of services whose servers failed: so long not back for the like of it.
inline constexpr Duration kServicesRest = std::chrono::minutes{1};

class Director {
 public:
  // `incarnation`: random, not 0.
  Director(Settings settings, uint64_t incarnation);

  Step step(const Event& event, TimePoint now);
  Status status(TimePoint now) const;
  State state() const { return state_; }
  const Counters& counters() const { return counters_; }

 private:
  enum class Why { stop, unable, asked };
  // What the kernel does not let us hold. It is tried again; a try that was not refused at once
  // succeeded.
  struct RefusedAddress {
    Error error;
    TimePoint since;
    std::optional<TimePoint> tried_at;
    bool is_foreign() const { return error.code == EEXIST; }
  };
  static constexpr Duration kRetryPauseMin = std::chrono::milliseconds{100};
  struct Handover {
    Why why = Why::unable;
    TimePoint until;
  };

  AddressStatus address_status(const FloatingAddress& address) const;

  // One for each event (director.cpp).
  void on(const Started& event, TimePoint now);
  void on(const TimerFired&, TimePoint) {}
  void on(const Heard& event, TimePoint now);
  void on(const HeardWord& event, TimePoint now);
  void on(const LinkChanged& event, TimePoint now);
  void on(const OwnMacs& event, TimePoint now);
  void on(const LvsdChanged& event, TimePoint now);
  void on(const WayChanged& event, TimePoint now);
  void on(const ServicesChanged& event, TimePoint now);
  void on(const CoreArmed&, TimePoint now);
  void on(const WitnessChanged& event, TimePoint now);
  void on(const AddressClaimed& event, TimePoint now);
  void on(const AddressGone& event, TimePoint now);
  void on(const AddressFailed& event, TimePoint now);
  void on(const AddressesDone&, TimePoint) { is_changing_ = false; }
  void on(const ForeignAddress& event, TimePoint now);
  void on(const Switchover&, TimePoint now);
  void on(const HoldRole& event, TimePoint now);
  void on(const ReleaseRole&, TimePoint now);
  void on(const ForceActive&, TimePoint now);
  void on(const Stop&, TimePoint now);
  void on(const Reconfigured& event, TimePoint now);
  void on_news(const Heartbeat& before, bool was_silent, TimePoint now);
  void note_lateness(TimePoint now);

  // Piranha's heartbeats (director_legacy.cpp).
  void tell_of_format();
  void change_format(TimePoint now);
  Heartbeat heartbeat_of(Word word) const;
  bool wants_to_offer(TimePoint now) const;
  std::optional<TimePoint> legacy_turn() const;

  // What follows from the state, what is known and the time (director_rules.cpp).
  void apply_rules(TimePoint now);
  void rule_passive(TimePoint now);
  void rule_preparing(TimePoint now);
  void rule_adopting(TimePoint now);
  void rule_active(TimePoint now);
  void rule_handing_over(TimePoint now);
  const char* reason_to_take_over(TimePoint now) const;
  bool is_silent(TimePoint now) const;
  bool is_peer_starting(TimePoint now) const;
  bool is_peer_ready(TimePoint now) const;
  bool can_hand_over(TimePoint now) const;
  bool is_silence_evidence() const;
  bool is_cut_off(TimePoint now) const;
  bool wants_failback(TimePoint now) const;
  Standing own_standing() const;
  Standing standing_as_active(TimePoint now) const;
  Unserved unserved_with(Unserved failing, TimePoint now) const;
  Standing peer_standing() const { return standing_of(peer_.last()); }
  Standing standing_of(const Heartbeat& peer) const;
  uint16_t excused(const Heartbeat& peer) const;
  uint64_t named_among(const std::vector<ServiceId>& services) const;
  bool is_resting(TimePoint now) const;
  bool is_claimed(TimePoint now) const { return claimed_until_ && now < *claimed_until_; }
  void refresh_ability(TimePoint now);
  void forget_what_succeeded(TimePoint now);
  void refresh_services(TimePoint now);
  void refresh_asking(TimePoint now);
  void refresh_belief(TimePoint now);
  void refresh_arming_ahead(TimePoint now);
  bool expects_silence(TimePoint now) const;
  TimePoint arms_ahead_at() const;
  const char* doubt(TimePoint now) const;
  bool does_peer_live_unheard(TimePoint now) const;
  bool suspects_rival(TimePoint now) const;
  bool asks_who_claims(TimePoint now) const;
  std::optional<TimePoint> next_deadline(TimePoint now) const;
  std::optional<TimePoint> next_question(TimePoint now) const;

  // Changes of state and their actions in order (director_moves.cpp).
  void take_over(const char* reason, TimePoint now);
  void confirm(const char* reason, TimePoint now);
  void prepare(TimePoint now);
  Duration handover_limit() const;
  void begin_handover(Why why, TimePoint now);
  void resume_active(const char* reason, TimePoint now);
  void stand_down(const char* reason, TimePoint now);
  void lose_lease(TimePoint now);
  void finish_stop(const char* reason, TimePoint now);
  void enter(State state, const char* reason, TimePoint now);
  void do_due_work(TimePoint now);
  void renew_addresses(TimePoint now);
  void restore_addresses(TimePoint now);
  void announce_addresses(TimePoint now);
  void announce_whose_turn_it_is(TimePoint now);
  void fall_silent();
  std::optional<TimePoint> next_announcement(TimePoint now) const;
  void see_rival(const std::string& who, TimePoint now);
  bool stays_beside_a_rival() const;
  void probe(TimePoint now);
  void ask_everybody();
  std::span<const FloatingAddress> probed_addresses() const;
  void add_what_is_not_held();
  void change_next_part();
  void add_next_part();
  void renew_next_part();
  bool is_receiving(TimePoint now) const;
  void add(std::vector<FloatingAddress> addresses);
  void run(const std::string& command);
  void tell_role();
  std::optional<Notice> notice() const;
  void let_go_of_addresses();
  void send_heartbeat(TimePoint now);
  Heartbeat heartbeat();
  void refuse(Refusal refusal, TimePoint now);
  Heartbeat answer_to(const Heartbeat& refused);
  void keep();
  void log(Level level, const char* event, const char* marker = "",
           std::vector<std::pair<std::string, std::string>> fields = {});

  bool holds() const {
    return state_ == State::adopting || state_ == State::active || state_ == State::handing_over;
  }
  bool is_able() const { return reasons_ == 0; }
  bool is_on_hold() const { return kept_.hold.has_value() && !settings_.alone; }
  bool can_serve() const { return fitness_ != Fitness::none; }
  bool is_peer_alive(TimePoint now) const { return peer_.is_alive(now, settings_.deadtime); }
  bool is_distrusting(TimePoint now) const { return distrust_until_ && now < *distrust_until_; }
  bool is_primary() const { return settings_.node == Node::primary; }
  std::vector<Mac> peer_macs() const { return split_guard_.macs(kept_.peer_macs); }

  Settings settings_;
  uint64_t incarnation_;
  State state_ = State::listening;
  TimePoint state_since_{};
  std::string state_reason_ = "start";
  bool started_ = false;
  Kept kept_;
  Peer peer_;
  Turn turn_;
  bool has_offered_ = false;  // Gave up what the peer did not take.
  Ability ability_;
  uint32_t reasons_ = 0;
  Fitness fitness_ = Fitness::none;
  ServicesChanged services_;                      // As lvsd told last.
  Unserved unserved_;                             // As told last.
  std::optional<TimePoint> served_nobody_until_;  // When that was known last.
  bool served_somebody_ = false;
  bool peer_served_somebody_ = false;
  OwnFailures peers_own_failures_;
  std::optional<TimePoint> services_settle_at_;
  std::optional<TimePoint> rest_until_;
  uint16_t rest_unless_above_ = 0;  // As many failed on the other director.
  std::optional<TimePoint> failback_rest_until_;
  // The successor announced what was handed over to it. Until then its heartbeats may be of before.
  std::optional<TimePoint> claimed_until_;
  bool is_deaf_ = false;     // All links of its heartbeats are down.
  bool has_let_go_ = false;  // Cut off, for the sake of a peer that may be whole.
  std::optional<TimePoint> able_since_;
  Lease lease_;
  std::optional<TimePoint> renew_before_;  // The next part of to_renew_.
  AnnouncePlan announcements_;
  AnnounceQueue announce_queue_;
  SplitGuard split_guard_;
  std::string doubt_logged_;  // Why silence alone is not enough; empty: it is, or nobody is silent.
  Disbelief disbelief_;
  std::optional<Refusal> disbelieved_;  // As last told by refresh_belief().
  std::optional<TimePoint> disbelief_logged_at_;
  std::optional<TimePoint> rival_at_;     // Seen on the segment while holding.
  FloatingAddresses held_;                // What we added or adopted, and have not removed.
  std::deque<FloatingAddress> to_add_;    // After these.
  std::deque<FloatingAddress> to_renew_;  // Of these.
  bool is_changing_ = false;              // The shell, a part of the former or the latter.
  // The peer hands over: for it we become active when all are here and announced.
  bool is_receiving_ = false;
  std::set<Address> missing_;  // Of those held, what is added again at restore_at_.
  std::optional<TimePoint> restore_at_;
  std::optional<TimePoint> restored_at_;
  std::map<Address, RefusedAddress> refused_;  // Of those held.
  std::set<Address> foreign_;
  Duration retry_pause_ = kRetryPauseMin;
  std::optional<TimePoint> failure_logged_at_;
  std::optional<Handover> handover_;  // Only while handing over.
  std::optional<TimePoint> handover_pause_until_;
  std::optional<TimePoint> prepare_until_;
  std::optional<TimePoint> prepare_pause_until_;
  // The operator asked for a switchover: a standby asks its peer for it, one that serves waits for
  // a moment in which the peer fails no more services.
  std::optional<TimePoint> switch_until_;
  bool is_asking_ = false;
  bool is_armed_ahead_ = false;
  std::optional<TimePoint> ahead_pause_until_;
  bool failback_held_ = false;    // The operator moved the service away: do not fetch it back.
  bool caches_doubtful_ = false;  // The peer may have announced itself after us.
  std::optional<TimePoint> rival_logged_at_;
  std::optional<TimePoint> late_logged_at_;
  std::optional<TimePoint> news_settle_at_;  // What was heard after a gap may be long past.
  std::optional<TimePoint> peer_rose_at_;    // When it became fitter than it had been.
  std::optional<TimePoint> distrust_until_;
  std::optional<TimePoint> beat_at_;
  uint64_t sequence_ = 0;
  Counters counters_;
  std::optional<TimePoint> wake_at_;
  Duration late_{0};
  Duration late_max_{0};
  std::optional<Notice> told_;   // As last told by tell_role().
  std::vector<Action> actions_;  // Of the step in progress.
};

}  // namespace lvs::pulse
