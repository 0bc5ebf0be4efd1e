#include "tests/sim/servers/world.h"

#include <cerrno>
#include <cstdio>
#include <initializer_list>
#include <iterator>
#include <utility>

#include "tests/sim/servers/wish.h"

namespace lvs::sim::servers {
namespace {

using namespace std::chrono_literals;

constexpr Duration kRolePause = 2s;
constexpr Duration kLookUp = 300ms;
constexpr uint32_t kForeignNet = 0xCB007100U;  // 203.0.113.0: never in lvs.cf.

template <typename Map>
auto any_of(const Map& map, Rng& rng) {
  return std::next(map.begin(), static_cast<std::ptrdiff_t>(rng.below(map.size())));
}

}  // namespace

World::World(uint64_t seed, bool tells)
    : tells_(tells),
      rng_(seed),
      is_at_once_(rng_.chance(0.5)),
      has_names_(rng_.chance(0.25)),
      file_(rng_, has_names_),
      good_(file_),
      laws_(*this) {
  resolver_["dyn0.example"] = {host_address(1)};
  resolver_["dyn1.example"] = {host_address(4)};
  speak_as_pulse();
}

World::~World() = default;

void World::mix(uint64_t value) {
  hash_ = (hash_ ^ value) * 0x100000001b3;
}

void World::say(const std::string& line) {
  if (!tells_) {
    return;
  }
  char time[32];
  std::snprintf(time, sizeof time, "%10.4f  ",
                std::chrono::duration<double>(now() - TimePoint{1000h}).count());
  transcript_ += time + line + "\n";
}

void World::violated(const std::string& law, const std::string& what) {
  violations_.push_back(law + (what.empty() ? "" : ": " + what));
  say("VIOLATED " + violations_.back());
}

Duration World::draw(Duration limit) {
  return Duration{static_cast<Duration::rep>(rng_.below(static_cast<uint64_t>(limit.count())))};
}

Duration World::latency() {
  return !is_mended_ && rng_.chance(0.03) ? draw(1500ms) : draw(8ms);
}

void World::run_for(Duration time) {
  const TimePoint until = now() + time;
  while (clock_.next(until)) {
  }
}

// lvsd's process.

void World::start_lvsd(bool restarted) {
  if (lvsd_) {
    return;
  }
  lvsd_ = std::make_unique<Lvsd>();
  ++life_;
  say(restarted ? "lvsd is started again" : "lvsd starts");
  if (!restarted) {
    good_ = file_;
  }
  names_ = names_from(to_text(names_));
  names_.start_asking();
  running_ = good_.read(names_);
  names_.forget_unasked();
  laws_.lvsd_started(running_);
  const bool has_switch = running_.core == config::CoreKind::embedded;
  feed(lvsd::Started{running_, record_, has_switch && core_.armed});
  look_up_names();
}

void World::kill_lvsd() {
  if (!lvsd_) {
    return;
  }
  say("lvsd is killed");
  if (batch_) {
    execute(*batch_, rng_.below(batch_->ops.size() + 1));
    batch_.reset();
  }
  dies_in_next_batch_ = false;
  end_nanny();
  lvsd_.reset();
  queue_.clear();
  ++life_;
  clock_.after(100ms + draw(3s), [this] { start_lvsd(true); });
}

void World::freeze_lvsd() {
  if (lvsd_) {
    say("lvsd freezes");
    lvsd_->is_frozen = true;
  }
}

void World::thaw_lvsd() {
  if (!lvsd_ || !lvsd_->is_frozen) {
    return;
  }
  say("lvsd thaws");
  lvsd_->is_frozen = false;
  const uint64_t life = life_;
  while (life == life_ && lvsd_ && !lvsd_->is_frozen && !lvsd_->waits.empty()) {
    const auto act = std::move(lvsd_->waits.front());
    lvsd_->waits.pop_front();
    act();
  }
}

void World::when_awake(std::function<void()> what) {
  if (!lvsd_) {
    return;
  }
  if (lvsd_->is_frozen) {
    lvsd_->waits.push_back(std::move(what));
  } else {
    what();
  }
}

void World::later(Duration delay, std::function<void()> what) {
  clock_.after(delay, [this, life = life_, act = std::move(what)]() mutable {
    if (life == life_) {
      when_awake(std::move(act));
    }
  });
}

void World::feed(lvsd::Event event) {
  if (!lvsd_) {
    return;
  }
  if (lvsd_->is_frozen) {
    lvsd_->waits.push_back([this, event = std::move(event)] { feed(event); });
    return;
  }
  queue_.push_back(std::move(event));
  if (std::exchange(is_stepping_, true)) {
    return;
  }
  while (lvsd_ && !queue_.empty()) {
    lvsd::Event next = std::move(queue_.front());
    queue_.pop_front();
    step(std::move(next));
  }
  is_stepping_ = false;
}

void World::step(lvsd::Event event) {
  steps_of_instant_ = instant_ == now() ? steps_of_instant_ + 1 : 0;
  instant_ = now();
  if (steps_of_instant_ == kStepsPerInstantMax) {
    violated("time-goes-on");
    queue_.clear();
    return;
  }
  laws_.hears(event);
  mix(event.index());
  mix(static_cast<uint64_t>(now().time_since_epoch().count()));
  const auto step = lvsd_->reconciler.step(event, now());
  laws_.acted(event, step);
  for (const auto& action : step.actions) {
    mix(action.index());
    std::visit([this](const auto& a) { perform(a); }, action);
  }
  arm(step.wake_at);
}

void World::arm(std::optional<TimePoint> wake_at) {
  if (lvsd_->wake_at == wake_at) {
    return;
  }
  lvsd_->wake_at = wake_at;
  const uint64_t wake = ++lvsd_->wake;
  if (wake_at) {
    later(*wake_at - now(), [this, wake] {
      if (wake == lvsd_->wake) {
        lvsd_->wake_at.reset();
        feed(lvsd::Timer{});
      }
    });
  }
}

bool World::is_idle() const {
  if (!is_lvsd_running() || batch_ || !lvsd_->reconciler.core_error().empty() ||
      !lvsd_->reconciler.actual() || !core_.is_there) {
    return false;
  }
  return !lvsd_->is_busy && lvsd_->wake_at && *lvsd_->wake_at > now() + 25ms;
}

// What lvsd asks for.

void World::perform(const lvsd::ReadTable&) {
  if (is_at_once_) {
    queue_.emplace_back(lvsd::TableRead{core_.read()});
    return;
  }
  lvsd_->is_busy = true;
  clock_.after(latency(), [this, life = life_] {
    if (life != life_) {
      return;
    }
    later(latency(), [this, read = core_.read()] {
      lvsd_->is_busy = false;
      feed(lvsd::TableRead{read});
    });
  });
}

void World::execute(Batch& batch, size_t at_most) {
  while (batch.errors.size() < std::min(at_most, batch.ops.size())) {
    const auto& op = batch.ops[batch.errors.size()];
    batch.errors.push_back(core_.execute(op, rng_));
    const auto& error = batch.errors.back();
    laws_.executed(op, error);
    mix(error ? static_cast<uint64_t>(error->code) : 0);
    if (tells_) {
      say("core: " + ipvs::to_string(op) + (error ? " - " + error->what : ""));
    }
  }
}

void World::perform(const lvsd::ApplyOps& action) {
  laws_.planned(action.ops);
  auto batch = std::make_shared<Batch>(Batch{action.ops, {}});
  if (std::exchange(dies_in_next_batch_, false)) {
    batch_ = batch;
    clock_.after(Duration{0}, [this] { kill_lvsd(); });
    return;
  }
  if (is_at_once_) {
    execute(*batch, batch->ops.size());
    queue_.emplace_back(lvsd::OpsDone{batch->ops, batch->errors});
    return;
  }
  batch_ = batch;
  clock_.after(latency(), [this, batch, life = life_] {
    if (life != life_ || batch_ != batch) {
      return;
    }
    execute(*batch, batch->ops.size());
    later(latency(), [this, batch] {
      batch_.reset();
      feed(lvsd::OpsDone{batch->ops, batch->errors});
    });
  });
}

void World::perform(const lvsd::SaveOwned& action) {
  record_ = action.owned;  // What it takes over is nobody else's any more.
  std::erase_if(foreign_, [&](const auto& held) { return record_.services.contains(held.first); });
}

void World::perform(const lvsd::SetSysctls&) {
  queue_.emplace_back(lvsd::SysctlsDone{
      are_sysctls_refused_ ? Result<Ok>(Error{EACCES, "Permission denied"}) : Result<Ok>(Ok{})});
}

void World::perform(const lvsd::CheckSysctls& action) {
  lvsd::SysctlsFound found;
  if (std::exchange(are_sysctls_changed_, false)) {
    found.others.push_back({action.wanted.front().name, "odd"});
  }
  queue_.emplace_back(std::move(found));
}

void World::perform(const lvsd::ApplyMarks&) {
  const bool fail = are_marks_refused_;
  later(latency(), [this, fail] {
    feed(fail ? lvsd::MarksDone{Error{EIO, "nft: no"}}
              : lvsd::MarksDone{std::vector<std::string>{}});
  });
}

void World::perform(const lvsd::LeaveOtherCore&) {
  queue_.emplace_back(lvsd::OtherCoreLeft{Ok{}});
}

void World::perform(const lvsd::ArmCore& action) {
  laws_.armed(action.armed);
  if (core_.refuses_to_arm) {
    queue_.emplace_back(lvsd::ArmDone{Error{EIO, "map update"}});
    return;
  }
  core_.armed = action.armed;
  queue_.emplace_back(lvsd::ArmDone{action.armed});
}

void World::perform(const lvsd::Log& action) {
  if (tells_) {
    say("lvsd: " + to_line(action.event));
  }
}

// nanny's process.

void World::perform(const lvsd::StartNanny&) {
  if (!can_start_nanny_) {
    queue_.emplace_back(lvsd::NannyGone{"could not be executed"});
    return;
  }
  ++nanny_life_;
  laws_.nanny_started();
  nanny_ = std::make_shared<NannyModel>(
      clock_, network_, rng_.next(),
      NannyModel::Watchers{
          [this](const MonitorAnswer& answer) { hear(answer); },
          [this](const nanny::StartProbe& probe, const nanny::ProbeResult& result) {
            laws_.checked(probe, result);
          },
          [this](const Verdict& verdict) { laws_.reported(verdict); }});
  nanny_->cannot_check = cannot_check_;
  nanny_->delay_max = rng_.chance(0.2) ? Duration{200ms} : Duration{2ms};
  queue_.emplace_back(lvsd::NannyUp{static_cast<int>(nanny_life_)});
}

void World::end_nanny() {
  if (nanny_) {
    nanny_->die();
    nanny_->cut_off();
    nanny_.reset();
  }
}

void World::perform(const lvsd::StopNanny&) {
  say("nanny is stopped");
  if (!running_.standby_monitoring &&
      !lvsd_->reconciler.role().value_or(lvsd_->reconciler.armed())) {
    laws_.forgot_verdicts();
  }
  end_nanny();
}

void World::perform(const lvsd::SendMonitorOrders& action) {
  for (const auto& order : action.orders) {
    laws_.ordered(order);
    if (nanny_) {
      nanny_->order(order);
    }
  }
}

// What arrived while lvsd was frozen is read unless it closed the line before.
void World::hear(const MonitorAnswer& answer) {
  when_awake([this, answer, life = nanny_life_] {
    if (!nanny_ || life != nanny_life_) {
      return;
    }
    const auto* verdict = std::get_if<Verdict>(&answer);
    if (verdict == nullptr) {
      feed(lvsd::PongHeard{std::get<Pong>(answer).number});
      return;
    }
    if (tells_) {
      say("nanny: monitor " + std::to_string(verdict->id) + " " + lvsd::to_word(verdict->health) +
          (verdict->has_way ? "" : ", no way") + " (" + verdict->reason + ")");
    }
    feed(lvsd::VerdictHeard{*verdict});
  });
}

void World::kill_nanny() {
  if (!nanny_ || nanny_->is_dead()) {
    return;
  }
  say("nanny is killed");
  nanny_->die();
  clock_.after(draw(5ms), [this, life = nanny_life_] {
    if (life == nanny_life_ && nanny_) {
      end_nanny();
      feed(lvsd::NannyGone{"killed by signal 9"});
    }
  });
}

void World::freeze_nanny() {
  if (nanny_) {
    say("nanny freezes");
    nanny_->freeze();
  }
}

void World::thaw_nanny() {
  if (nanny_ && nanny_->is_frozen()) {
    say("nanny thaws");
    nanny_->thaw();
  }
}

void World::deafen_nanny() {
  if (nanny_) {
    say("nanny reads nothing any more");
    nanny_->is_deaf = true;
  }
}

void World::mute_nanny() {
  if (nanny_) {
    say("nothing arrives from nanny any more");
    nanny_->is_mute = true;
  }
}

void World::hinder_nanny(bool cannot_check) {
  say(cannot_check ? "no check can be made" : "checks can be made");
  cannot_check_ = cannot_check;
  if (nanny_) {
    nanny_->cannot_check = cannot_check;
  }
}

// The operator and pulse.

void World::read_file(bool by_names) {
  if (!by_names) {
    names_.start_asking();
    good_ = file_;
  }
  running_ = good_.read(names_);
  if (!by_names) {
    names_.forget_unasked();
  }
  feed(lvsd::Configured{running_, by_names});
  look_up_names();
}

void World::reload() {
  when_awake([this] {
    say("reload");
    read_file(false);
  });
}

void World::refuse_reload() {
  say("a reload is refused");
  feed(lvsd::ReloadFailed{"line 7: no such key", rng_.chance(0.2)});
}

void World::say_role(bool active) {
  say(active ? "pulse: active" : "pulse: standby");
  role_ = active;
  if (!is_pulse_silent_) {
    feed(lvsd::RoleSaid{active});
  }
}

void World::speak_as_pulse() {
  if (role_ && !is_pulse_silent_) {
    feed(lvsd::RoleSaid{*role_});
  }
  clock_.after(kRolePause, [this] { speak_as_pulse(); });
}

void World::look_up_names() {
  if (!has_names_ || !lvsd_) {
    return;
  }
  for (const auto& name : names_.due(now())) {
    later(1ms + draw(kLookUp), [this, name] {
      const auto& found = resolver_[name];
      take_name(name, found.empty() ? Result<std::vector<Address>>(Error{ENOENT, "NXDOMAIN"})
                                    : Result<std::vector<Address>>(found));
    });
  }
  if (const auto wake = names_.wake_at()) {
    later(*wake - now(), [this] { look_up_names(); });
  }
}

void World::take_name(const std::string& name, const Result<std::vector<Address>>& found) {
  if (names_.take(name, found, now())) {
    read_file(true);
  } else {
    look_up_names();
  }
}

// The world around.

void World::set_condition(size_t host, Condition condition) {
  constexpr const char* kWords[] = {"works", "refuses", "is silent", "is slow"};
  network_.hosts[host] = condition;
  say("10.0.0." + std::to_string(host) + " " + kWords[static_cast<size_t>(condition)]);
}

void World::set_device(size_t device, bool works) {
  if (network_.devices[device] == works) {
    return;
  }
  network_.devices[device] = works;
  say(Network::device_name(device) + (works ? " works" : " is down"));
  if (nanny_) {
    nanny_->device_changed(device);
  }
}

void World::resolve(const std::string& name, std::vector<Address> addresses) {
  say(name + (addresses.empty() ? " does not resolve" : " is " + to_string(addresses.front())));
  resolver_[name] = std::move(addresses);
}

void World::drift() {
  const auto ours = services_in_use(running_);
  if (core_.table.empty() || !core_.is_there) {
    return;
  }
  const auto at = any_of(core_.table, rng_);
  if (!ours.contains(at->first) || foreign_.contains(at->first)) {
    return;
  }
  say("somebody changes " + ipvs::to_string(at->first));
  laws_.meddled();
  ipvs::Entry& entry = core_.table.at(at->first);
  const ipvs::DestKey server{host_address(1 + rng_.below(kHosts)), 80};
  switch (rng_.below(5)) {
    case 0:
      core_.table.erase(at->first);
      break;
    case 1:
      entry.dests[server].weight = static_cast<int32_t>(rng_.below(4));
      break;
    case 2:
      entry.dests.erase(server);
      break;
    case 3:
      entry.service.scheduler = "sh";
      break;
    default:
      for (auto& [key, dest] : entry.dests) {
        dest.weight = 7;
      }
      break;
  }
}

// Services of somebody else: at addresses of his own, or at one that lvs.cf names at other times.
void World::change_foreign() {
  if (!core_.is_there) {
    return;
  }
  const bool is_apart = rng_.chance(0.7);
  const ipvs::ServiceKey key =
      ipvs::AddressKey{ipvs::Protocol::tcp,
                       Address::v4((is_apart ? kForeignNet : 0xC0000200U) + 1 +
                                   static_cast<uint32_t>(rng_.below(2))),
                       static_cast<uint16_t>(80 + rng_.below(2))};
  const bool is_lvsds = services_in_use(running_).contains(key) || record_.services.contains(key) ||
                        (core_.table.contains(key) && !foreign_.contains(key));
  if (is_lvsds || batch_) {
    return;
  }
  say("somebody else's " + ipvs::to_string(key));
  if (foreign_.contains(key) && rng_.chance(0.4)) {
    foreign_.erase(key);
    core_.table.erase(key);
    return;
  }
  ipvs::Entry& entry = foreign_[key];
  entry.dests[{host_address(1 + rng_.below(kHosts)), 8080}].weight =
      static_cast<int32_t>(rng_.below(3));
  core_.table[key] = entry;
}

void World::lose_core() {
  say("the core does not answer");
  core_.is_there = false;
}

void World::find_core(bool is_empty) {
  if (core_.is_there) {
    return;
  }
  say(is_empty ? "the core is back, empty" : "the core is back");
  core_.is_there = true;
  if (is_empty) {
    laws_.meddled();
    core_.table.clear();
    core_.connections.clear();
    core_.daemons.clear();
    foreign_.clear();
  }
}

void World::refuse_something() {
  constexpr int kCodes[] = {ENOMEM, EBUSY, EINVAL, ENOSPC};
  const int code = kCodes[rng_.below(std::size(kCodes))];
  const auto ours = services_in_use(running_);
  if (ours.empty() || rng_.chance(0.3)) {
    say("the core refuses everything");
    core_.refuses_all = code;
    return;
  }
  const auto at = any_of(ours, rng_);
  lvsd::OpTarget target{at->first, {}, {}};
  const auto servers = servers_in_use(*at->second);
  if (!servers.empty() && rng_.chance(0.6)) {
    target.server = any_of(servers, rng_)->first;
  }
  say("the core refuses " + ipvs::to_string(at->first) +
      (target.server ? " " + ipvs::to_string(*target.server) : ""));
  core_.refused[target] = code;
}

void World::set_connections() {
  core_.connections.clear();
  for (const auto& [key, entry] : core_.table) {
    for (const auto& [server, dest] : entry.dests) {
      if (rng_.chance(0.5)) {
        core_.connections[{key, server}] = static_cast<uint32_t>(1 + rng_.below(3));
      }
    }
  }
}

void World::heal() {
  say("everything is mended");
  core_.heal();
  is_mended_ = true;
  dies_in_next_batch_ = false;
  can_start_nanny_ = true;
  are_sysctls_refused_ = false;
  are_marks_refused_ = false;
  is_pulse_silent_ = false;
  for (size_t device = 0; device < kDevices; ++device) {
    set_device(device, true);
  }
  for (auto& condition : network_.hosts) {
    condition = condition == Condition::slow ? Condition::works : condition;
  }
  if (cannot_check_) {
    hinder_nanny(false);
  }
  thaw_nanny();
  thaw_lvsd();
}

}  // namespace lvs::sim::servers
