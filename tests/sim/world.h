// Two directors in virtual time: a second shell for pulse's very own core. The world performs the
// actions of pulse::Director on model machines and links, through the real encoding and HMAC, and
// feeds it events in the order of a queue keyed by (time, serial). Everything random comes from one
// seed, so a seed is a history. See docs/SIMULATION.md.
//
// Virtual time starts at hour 1000: a time point that someone forgot to set is then long ago, not
// now.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/rng.h"
#include "tests/sim/link.h"
#include "tests/sim/machine.h"

namespace lvs::sim {

using pulse::Node;

inline constexpr TimePoint kBeginning{std::chrono::hours{1000}};
inline constexpr int kEventsPerInstantMax = 1000;
inline constexpr size_t kPaths = 2;
// Of the checks of servers: how far apart two directors find out the same, and what lvsd calls
// several of them.
inline constexpr Duration kVerdictSkew = std::chrono::seconds{6};
inline constexpr Duration kSeveralChecks = std::chrono::seconds{12};
inline constexpr uint16_t kServices = 4;

inline constexpr const char* kPublicDevice = "eth0";
inline constexpr const char* kInnerDevice = "eth1";
inline constexpr Duration kLvsdDelay = std::chrono::milliseconds{1};
inline constexpr Duration kNetlinkDelay = std::chrono::microseconds{100};

struct Timing {
  Duration keepalive = std::chrono::seconds{1};
  Duration deadtime = std::chrono::seconds{5};
  config::Failback failback;
  bool split_guard = true;
  bool alone = false;
  bool legacy = false;       // Piranha's heartbeats.
  bool two_devices = false;  // The second address and the private path are on one of their own.
  bool witness = false;
  bool one_path = false;   // Heartbeats go by the public device alone.
  bool monitored = false;  // monitor_links: the carrier of both heartbeat paths counts.
  size_t added_at_once = 64;
};

// What the checkers look at, after each step of a director.
struct StepReport {
  const Machine& machine;
  const pulse::Event& event;
  pulse::State before;
  pulse::State after;
  const pulse::Step& step;
  bool was_accepted;    // The event was a heartbeat that acted.
  bool lease_was_over;  // It held addresses before a freeze, and their time was over when it woke.
};

class Checkers;

class World {
 public:
  World(uint64_t seed, const Timing& timing);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  // What happens to machines and processes.
  void boot(Node node);  // Power on, lvsd ready soon, arbiter started.
  void lose_power(Node node);
  void pause_machine(Node node);  // By its hypervisor: processes, kernel and all.
  // Whether it finds out how long it stood still depends on the hypervisor.
  void resume_machine(Node node, bool clock_counts);
  void start_arbiter(Node node);
  void kill_arbiter(Node node);
  void restart_arbiter(Node node);  // In one instant, if one runs: told to stop or killed.
  void freeze_arbiter(Node node);
  void thaw_arbiter(Node node);
  // When it will announce next: instead, and its keeper replaces it after a while.
  void freeze_when_it_announces(Node node);
  void stop_pulse(Node node);
  void switchover(Node node);
  void hold(Node node);
  void release(Node node);
  void set_carrier(Node node, bool up);
  void set_inner_carrier(Node node, bool up);
  void set_witness(Node node, bool answers);
  void set_lvsd(Node node, bool ready, int failed_restarts = 0);
  void set_way(Node node, bool has_way);  // To the real servers.
  // From now on its checks find no server of so many services, the first ones, or of these.
  void set_failing_services(Node node, uint16_t count);
  void set_failing(Node node, const std::set<lvsd::ServiceId>& services);
  void set_uncheckable(Node node, const std::set<lvsd::ServiceId>& services);
  void remove_address(Node node);  // Somebody else does.
  void change_key(Node node);      // Of this one alone; its arbiter is started again.
  void forget_peer(Node node);     // Started again without an address of the peer, if it runs.
  void learn_peer(Node node);      // Its name resolves.

  // What happens to the network. A path's direction is named by its sender.
  void cut(Node from, size_t path);
  void mend(Node from, size_t path);
  void cut_paths();  // All heartbeat paths, both directions.
  void split();      // And the segment of the clients.
  void set_faults(const Faults& faults);
  // From now on the switches answer broadcast questions for hosts that they once saw (EVPN).
  void suppress_arp() { is_arp_suppressed_ = true; }
  void heal();                     // Everything that the chaos broke works again.
  void heal_all_but_heartbeats();  // Whatever keeps the directors from hearing each other stays.

  // An attacker on the segment.
  void replay_something(Node to);
  void forge_something(Node to);

  void run_for(Duration duration);
  void run_until(TimePoint until);

  // Questions.
  TimePoint now() const { return now_; }
  const Timing& timing() const { return timing_; }
  Machine& machine(Node node) { return machines_[index(node)]; }
  const Machine& machine(Node node) const { return machines_[index(node)]; }
  pulse::Status status(Node node) const {
    return machine(node).director->status(machine(node).clock(now_));
  }
  pulse::State state(Node node) const { return machine(node).director->state(); }
  std::vector<Node> holders() const;
  bool has_two_holders() const { return machines_[0].holds() && machines_[1].holds(); }
  bool is_healthy() const;           // No fault is in effect.
  bool can_hear() const;             // Heartbeats arrive, and the keys are the same.
  bool is_served() const;            // The client's frames reach a director that answers.
  Duration longest_silence() const;  // Of the service, since forget_silence().
  void forget_silence();
  Rng& rng() { return rng_; }
  Checkers& checkers() { return *checkers_; }

  void say(const std::string& line);  // A line of the transcript.
  void violated(const std::string& invariant);
  const std::string& transcript() const { return transcript_; }
  uint64_t history_hash() const { return hash_; }  // Of the transcript and of every delivery.
  // What stands on the segment of the clients would be answered.
  bool is_segment_whole() const {
    return !is_segment_split_ && faults_.loss == 0 && machines_[0].has_carrier &&
           machines_[1].has_carrier;
  }
  const std::vector<std::string>& violations() const { return violations_; }

 private:
  struct Item {
    TimePoint at;
    uint64_t serial;
    std::function<void()> what;
    bool operator<(const Item& o) const {
      return at != o.at ? at > o.at : serial > o.serial;  // The heap's top is the earliest.
    }
  };
  // What comes next: a machine's timer, or (no machine) the first of the queue.
  struct Wake {
    TimePoint at;
    uint64_t serial;
    Machine* machine;
  };
  struct Recorded {
    Node to;
    size_t path;
    std::vector<uint8_t> bytes;
  };

  // What lvsd tells of the services; `checked`: all of them.
  void begin_checks(Machine& machine);
  void check(Machine& machine, lvsd::ServiceId service);
  void check_all(Machine& machine);
  void ask_lvsd(Machine& machine);
  void hear_services(Machine& machine);
  lvsd::FailingCount services_count(const Machine& machine) const;
  pulse::ServicesChanged services_of(const Machine& machine) const;
  static size_t index(Node node) { return node == Node::primary ? 0 : 1; }
  static Node other(Node node) { return node == Node::primary ? Node::backup : Node::primary; }
  pulse::Settings settings(Node node) const;
  size_t paths() const { return timing_.one_path ? 1 : kPaths; }
  void send(Machine& from, size_t path, const std::vector<uint8_t>& bytes, Duration after);
  void ask_neighbour(Machine& from, size_t path);
  void send_what_waits(Machine& from, size_t path);
  Link& link(Node from, size_t path) { return links_[index(from)][path]; }

  Item take_item();
  void at(TimePoint when, std::function<void()> what);
  void feed(Machine& machine, const pulse::Event& event);
  void feed_later(Machine& machine, Duration delay, pulse::Event event);
  void step(Machine& machine, const pulse::Event& event, bool lease_was_over = false);
  void arm_timer(Machine& machine, std::optional<TimePoint> wake_at);
  Wake next_to_wake();
  void end_process(Machine& machine);
  void freeze_for_good(Machine& machine);
  void deliver(Node to, size_t path, const std::vector<uint8_t>& bytes);
  void arm_core(Machine& machine);
  void hold(Machine& machine, const pulse::FloatingAddress& address,
            std::optional<std::chrono::seconds> lifetime);
  void drop_address(Machine& machine, Address address);
  void expire(Machine& machine, Address address, TimePoint end);
  void catch_up(Machine& machine);
  void mix(uint64_t value);
  void watch_service();
  bool has_carrier(const Machine& machine, const std::string& device) const;
  bool answers_itself(const Machine& asked, const pulse::ProbeAddress& question) const;

  void perform(Machine& machine, const pulse::SendHeartbeat& action);
  void perform(Machine& machine, const pulse::SendWord& action);
  void send_on_paths(Machine& from, const std::vector<uint8_t>& bytes, std::optional<size_t> only);
  pulse::Event event_of(Machine& to, size_t path, const std::vector<uint8_t>& bytes);
  void perform(Machine& machine, const pulse::ArmCore&);
  void perform(Machine& machine, const pulse::DisarmCore&);
  void perform(Machine& machine, const pulse::ArmAhead& action);
  void perform(Machine& machine, const pulse::AddAddresses& action);
  void perform(Machine& machine, const pulse::RenewAddresses& action);
  void perform(Machine& machine, const pulse::RemoveAddress& action);
  void perform(Machine& machine, const pulse::Announce& action);
  void perform(Machine& machine, const pulse::ProbeAddress& action);
  void perform(Machine& machine, const pulse::TellRole& action);
  void perform(Machine& machine, const pulse::RunCommand& action);
  void perform(Machine& machine, const pulse::Keep& action);
  void perform(Machine& machine, const pulse::Answer& action);
  void perform(Machine& machine, const pulse::Exit&);
  void perform(Machine& machine, const LogEvent& action);

  Timing timing_;
  Rng rng_;
  TimePoint now_ = kBeginning;
  uint64_t serial_ = 0;
  std::vector<Item> queue_;  // A heap.
  std::array<Machine, 2> machines_;
  std::array<std::array<Link, kPaths>, 2> links_;
  Faults faults_;
  bool is_segment_split_ = false;
  bool is_arp_suppressed_ = false;
  std::optional<Node> announced_;  // Where the clients' neighbour caches point.
  std::vector<Recorded> recorded_;
  std::optional<TimePoint> unserved_since_;
  Duration longest_silence_{0};
  std::string transcript_;
  uint64_t hash_ = 0xcbf29ce484222325;
  std::vector<std::string> violations_;
  std::unique_ptr<Checkers> checkers_;
};

}  // namespace lvs::sim
