// A director's lvsd and nanny in virtual time: a second shell for lvsd's very own reconciler and
// nanny's very own monitors. The world performs their actions on a model core, model servers and a
// line between them that takes its time, through the real packets; and it breaks all of them as it
// is told. Everything random comes from one seed, so a seed is a history. See docs/SIMULATION.md.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/names.h"
#include "common/rng.h"
#include "lvsd/reconciler.h"
#include "tests/sim/servers/clockwork.h"
#include "tests/sim/servers/core_model.h"
#include "tests/sim/servers/file.h"
#include "tests/sim/servers/laws.h"
#include "tests/sim/servers/nanny_model.h"
#include "tests/sim/servers/network.h"

namespace lvs::sim::servers {

constexpr int kStepsPerInstantMax = 1000;

class World {
 public:
  World(uint64_t seed, bool tells);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  // Processes.
  void start_lvsd(bool restarted);
  void kill_lvsd();  // It is started again soon.
  void kill_lvsd_in_its_next_batch() { dies_in_next_batch_ = true; }
  void freeze_lvsd();
  void thaw_lvsd();
  void kill_nanny();
  void freeze_nanny();
  void thaw_nanny();
  void deafen_nanny();
  void mute_nanny();
  void hinder_nanny(bool cannot_check);
  void let_nanny_start(bool can) { can_start_nanny_ = can; }

  // The operator.
  void edit() { file_.edit(rng_); }
  void reload();
  void refuse_reload();
  void say_role(bool active);
  void silence_pulse(bool silent) { is_pulse_silent_ = silent; }

  // The world.
  void set_condition(size_t host, Condition condition);
  void set_device(size_t device, bool works);
  void resolve(const std::string& name, std::vector<Address> addresses);  // None: it does not.
  void drift();
  void change_foreign();
  void lose_core();
  void find_core(bool is_empty);
  void hinder_sysctls(bool fail) { are_sysctls_refused_ = fail; }
  void touch_sysctls() { are_sysctls_changed_ = true; }
  void hinder_marks(bool fail) { are_marks_refused_ = fail; }
  void refuse_something();
  void set_connections();
  void heal();  // Servers stay as they are.

  void run_for(Duration time);

  // Questions.
  TimePoint now() const { return clock_.now(); }
  Rng& rng() { return rng_; }
  CoreModel& core() { return core_; }
  const CoreModel& core() const { return core_; }
  const Network& network() const { return network_; }
  const ipvs::Table& foreign() const { return foreign_; }
  const lvsd::Owned& record() const { return record_; }
  std::optional<bool> role() const { return role_; }
  bool has_names() const { return has_names_; }
  bool is_lvsd_running() const { return lvsd_ && !lvsd_->is_frozen; }
  bool has_good_nanny() const {
    return nanny_ && !nanny_->is_frozen() && !nanny_->is_deaf && !nanny_->is_mute;
  }
  const lvsd::Reconciler& lvsd() const { return lvsd_->reconciler; }
  const config::Config& running() const { return running_; }  // As lvsd was told last.
  bool is_idle() const;  // lvsd waits for nothing but time, and not for a short one.
  Laws& laws() { return laws_; }

  bool tells() const { return tells_; }
  void say(const std::string& line);
  void violated(const std::string& law, const std::string& what = "");
  const std::string& transcript() const { return transcript_; }
  uint64_t history_hash() const { return hash_; }
  const std::vector<std::string>& violations() const { return violations_; }

 private:
  struct Lvsd {
    lvsd::Reconciler reconciler;
    bool is_frozen = false;
    bool is_busy = false;  // It reads.
    std::deque<std::function<void()>> waits;
    std::optional<TimePoint> wake_at;
    uint64_t wake = 0;
  };
  struct Batch {
    std::vector<ipvs::Request> ops;
    lvsd::OpErrors errors;
  };

  void feed(lvsd::Event event);
  void step(lvsd::Event event);
  void arm(std::optional<TimePoint> wake_at);
  // Later, if this lvsd still lives; what comes while it is frozen waits.
  void later(Duration delay, std::function<void()> what);
  void when_awake(std::function<void()> what);
  Duration draw(Duration limit);
  Duration latency();
  void execute(Batch& batch, size_t at_most);
  void read_file(bool by_names);
  void look_up_names();
  void take_name(const std::string& name, const Result<std::vector<Address>>& found);
  void speak_as_pulse();
  void hear(const MonitorAnswer& answer);
  void end_nanny();
  void mix(uint64_t value);

  void perform(const lvsd::ReadTable&);
  void perform(const lvsd::ApplyOps& action);
  void perform(const lvsd::SaveOwned& action);
  void perform(const lvsd::SetInterfaces&) {}
  void perform(const lvsd::SetDenied&) {}
  void perform(const lvsd::SetSysctls& action);
  void perform(const lvsd::CheckSysctls& action);
  void perform(const lvsd::ApplyMarks&);
  void perform(const lvsd::LeaveOtherCore&);
  void perform(const lvsd::ArmCore& action);
  void perform(const lvsd::StartNanny&);
  void perform(const lvsd::StopNanny&);
  void perform(const lvsd::SendMonitorOrders& action);
  void perform(const lvsd::Log& action);

  const bool tells_;
  Rng rng_;
  Clockwork clock_;
  Network network_;
  CoreModel core_;
  const bool is_at_once_;  // Requests are answered within the step that makes them.
  const bool has_names_;
  File file_;
  File good_;  // What lvsd took last.
  Names names_;
  std::map<std::string, std::vector<Address>> resolver_;
  ipvs::Table foreign_;
  lvsd::Owned record_;

  std::unique_ptr<Lvsd> lvsd_;
  uint64_t life_ = 0;
  std::deque<lvsd::Event> queue_;
  bool is_stepping_ = false;
  std::shared_ptr<Batch> batch_;  // On its way to the core.
  bool dies_in_next_batch_ = false;
  config::Config running_;

  std::shared_ptr<NannyModel> nanny_;
  uint64_t nanny_life_ = 0;
  bool can_start_nanny_ = true;
  bool cannot_check_ = false;

  std::optional<bool> role_;
  bool is_pulse_silent_ = false;
  bool are_sysctls_refused_ = false;
  bool are_sysctls_changed_ = false;
  bool are_marks_refused_ = false;

  bool is_mended_ = false;

  TimePoint instant_{};
  int steps_of_instant_ = 0;
  std::string transcript_;
  uint64_t hash_ = 0xcbf29ce484222325;
  std::vector<std::string> violations_;
  Laws laws_;
};

}  // namespace lvs::sim::servers
