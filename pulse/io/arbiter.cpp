#include "pulse/io/arbiter.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/random.h>

#include <boost/json/array.hpp>
#include <csignal>
#include <cstdio>
#include <thread>

#include "common/config/difference.h"
#include "common/io/control_socket.h"
#include "common/io/daemon.h"
#include "common/io/event_recorder.h"
#include "common/io/keeper_line.h"
#include "common/io/log_sink.h"
#include "common/io/look_at_silent.h"
#include "common/io/name_watch.h"
#include "common/io/run_dir.h"
#include "pulse/io/kept_file.h"
#include "pulse/io/last_good.h"
#include "pulse/io/realtime.h"
#include "pulse/io/shell.h"
#include "pulse/io/state_dir.h"
#include "pulse/io/status_json.h"

namespace lvs::pulse {
namespace {

namespace json = boost::json;

// A killed predecessor's name is free at once; one that is only told to die needs a moment.
constexpr int kLockTries = 50;
constexpr auto kLockPause = std::chrono::milliseconds{20};
constexpr size_t kHolderMax = 64;  // Of its name.
// A name server that works answers in this: the operator need not read of waiting.
constexpr Duration kNamesMoment = std::chrono::seconds{1};

// How far a change of keys has come, as long as it is not at its end; and whether there are any.
json::array key_remarks(const Shell& shell) {
  if (shell.setup().settings.legacy_heartbeats) {
    return {
        "heartbeats are not authenticated (heartbeat_format = legacy): set it to 2 on both "
        "directors once both are of this suite"};
  }
  const auto& next = shell.setup().config.heartbeat_key_next;
  if (!next) {
    return {};
  }
  const std::string remark =
      "heartbeats signed with " + *next + " are believed too (heartbeat_key_next); the peer " +
      (shell.peer_signs_with_next() ? "signs" : "does not sign") + " with it";
  return {json::string(remark)};
}

uint64_t random_incarnation() {
  uint64_t value = 0;
  while (value == 0) {
    [[maybe_unused]] const ssize_t n = ::getrandom(&value, sizeof value, 0);
  }
  return value;
}

// To the operator who started us, while standard error is still his, and to the log.
void say(const ArbiterOptions& options, const std::string& text, Level level) {
  std::fprintf(stderr, "pulse: %s\n", text.c_str());
  if (!options.foreground) {
    io::log({level, "start", text, {}});
  }
}

// Its address, or the name that has none yet.
std::string shown(const PathEnd& end) {
  return end.address ? to_string(*end.address) : end.written;
}

Result<std::unique_ptr<io::ControlServer>> take_name(boost::asio::io_context& io,
                                                     const std::string& path,
                                                     const io::ControlServer::Handler& handler) {
  for (int tries = 1;; ++tries) {
    auto server = io::ControlServer::listen(
        io, path, {.reads = {"status", "events"}, .unlogged = {}}, handler);
    if (server || server.error().code != EADDRINUSE) {
      return server;
    }
    if (tries == kLockTries) {
      return Error{EADDRINUSE, "another pulse runs in this network namespace; stop it first (" +
                                   server.error().what + ")"};
    }
    std::this_thread::sleep_for(kLockPause);
  }
}

class Arbiter {
 public:
  explicit Arbiter(const ArbiterOptions& options) : options_(options) {}

  Result<Ok> start();
  int run();

 private:
  Result<Ok> open_links();
  Result<Ok> read_setup();
  void give_names_a_moment();
  Result<Ok> begin();
  void begin_if_possible();
  void stop();
  SetupResult read_last_good_setup(const LastGood& good);
  void keep_good();
  void take_names();
  void take_routes(std::vector<HeartbeatRoute> routes);
  void feed_links(const Settings& settings);
  void feed_present();
  void leave_the_terminal();
  void reload();
  SetupResult load_for_reload();
  json::object plan();
  json::object answer(const json::object& request);
  json::object status();
  json::object operate(const Event& wish);
  Hold hold_asked_for(const json::object& request) const;

  ArbiterOptions options_;
  std::string run_dir_;
  boost::asio::io_context io_;
  io::EventRecorder events_{io_, io::events_file("pulse")};
  std::unique_ptr<io::KeeperLine> keeper_;
  std::unique_ptr<io::Signals> signals_;
  std::unique_ptr<io::ControlServer> control_;
  std::unique_ptr<Links> links_;
  Names names_;
  config::Resolver resolve_ = [this](std::string_view name) { return names_.address_of(name); };
  io::BackgroundFile kept_names_{io_, names_file(), [this] { return to_text(names_); }};
  std::unique_ptr<io::NameWatch> name_watch_;
  std::string names_error_;  // Their new addresses make no sense: the ones before count.
  std::optional<Setup> first_setup_;
  std::unique_ptr<Shell> shell_;
  std::unique_ptr<Director> director_;
  std::unique_ptr<Shell::DirectorDriver> driver_;
  bool running_ = false;
  bool has_failed_ = false;
  std::string waiting_for_;                 // Without it we cannot begin.
  std::vector<std::string> not_granted_;    // Real-time privileges.
  uint64_t reloads_ = 0;                    // Asked for, since this process started.
  std::vector<std::string> reload_errors_;  // Of the last reload; empty when it was accepted.
};

Result<Ok> Arbiter::start() {
  io::log_restart(options_.predecessor);
  keeper_ = io::KeeperLine::inherited(io_, {[this](char word) {
                                              if (word == kLvsdFailed && shell_) {
                                                shell_->lvsd_failed();
                                              }
                                            },
                                            // Without a keeper nobody would restart us. The
                                            // addresses stay: for the next arbiter to adopt, or to
                                            // expire.
                                            [] { ::_exit(1); }});
  if (!keeper_) {
    return Error{EINVAL, "--arbiter: only pulse itself starts its arbiter"};
  }
  if (auto opened = open_links(); !opened) {
    return opened;
  }
  const auto run_dir = io::run_dir();
  if (!run_dir) {
    return run_dir.error();
  }
  run_dir_ = *run_dir;
  names_ = io::load_names(names_file());
  name_watch_ = std::make_unique<io::NameWatch>(
      io_, names_, [this](const std::string&) { kept_names_.changed_for_somebody(); },
      [this] { take_names(); });
  give_names_a_moment();
  if (auto read = read_setup(); !read && waiting_for_.empty()) {
    return read;
  }
  auto control = take_name(io_, run_dir_ + io::kPulseSocket,
                           [this](const json::object& request) { return answer(request); });
  if (!control) {
    return control.error();
  }
  control_ = std::move(control).value();
  return waiting_for_.empty() ? begin() : Ok{};
}

Result<Ok> Arbiter::begin() {
  auto addresses = Addresses::open();
  if (!addresses) {
    return addresses.error();
  }
  shell_ =
      std::make_unique<Shell>(io_, *first_setup_, *links_, std::move(addresses).value(), run_dir_);
  if (auto opened = shell_->open(); !opened) {
    return opened;
  }
  not_granted_ = ask_for_realtime();
  director_ = std::make_unique<Director>(first_setup_->settings, random_incarnation());
  driver_ = std::make_unique<Shell::DirectorDriver>(io_, *director_, *shell_);
  shell_->drive_with(*driver_);
  auto found = shell_->adopt();
  if (!found) {
    return found.error();
  }
  running_ = true;
  const Kept kept = load_kept(run_dir_, first_setup_->settings);
  shell_->keep_beyond_boot(kept);
  driver_->feed(Started{std::move(found).value(), kept});
  feed_present();
  keep_good();
  names_.forget_unasked();
  name_watch_->look();
  return Ok{};
}

Result<Ok> Arbiter::open_links() {
  auto links = Links::open(io_, {[this](const Link& link) {
                                   if (running_) {
                                     shell_->link_changed(link);
                                   }
                                 },
                                 [this](const Address& address, unsigned device, bool ours) {
                                   if (running_) {
                                     shell_->address_gone(address, device, ours);
                                   }
                                 },
                                 [this](const Address& address, bool ours) {
                                   if (running_) {
                                     shell_->address_came(address, ours);
                                   }
                                   begin_if_possible();
                                 },
                                 [this] {
                                   if (running_) {
                                     shell_->look_again();
                                   }
                                   begin_if_possible();
                                 }});
  if (!links) {
    return links.error();
  }
  links_ = std::move(links).value();
  return Ok{};
}

// The lease of what a predecessor left here may end in that moment.
void Arbiter::give_names_a_moment() {
  load_setup(options_.config_file, *links_, resolve_);
  name_watch_->look();
  const TimePoint end = Clock::now() + (options_.restarted ? Duration{0} : kNamesMoment);
  while (names_.is_anything_awaited() && Clock::now() < end) {
    io_.run_one_for(end - Clock::now());
  }
}

Result<Ok> Arbiter::read_setup() {
  const auto good = options_.restarted ? load_last_good(run_dir_) : std::nullopt;
  auto loaded = good ? read_last_good_setup(*good) : SetupResult{};
  if (!loaded.setup) {
    loaded = load_setup(options_.config_file, *links_, resolve_,
                        good ? std::optional(good->node) : std::nullopt);
  }
  if (!loaded.setup) {
    const std::string last = loaded.complaints.back();
    loaded.complaints.pop_back();
    waiting_for_ = loaded.is_address_missing ? last : "";
    if (loaded.is_address_missing) {
      say(options_, "waiting: " + last, Level::warning);
    }
    for (const std::string& complaint : loaded.complaints) {
      say(options_, complaint, Level::error);
    }
    return Error{EINVAL, last};
  }
  for (const std::string& complaint : loaded.complaints) {
    say(options_, complaint, Level::warning);
  }
  first_setup_ = *std::move(loaded.setup);
  return Ok{};
}

// An own address may come later than we do: from DHCP, with a bond, with a device, from a name
// server.
void Arbiter::begin_if_possible() {
  if (waiting_for_.empty()) {
    return;
  }
  const auto loaded = load_setup(options_.config_file, *links_, resolve_);
  name_watch_->look();
  if (!loaded.setup) {
    waiting_for_ = loaded.is_address_missing ? loaded.complaints.back() : waiting_for_;
    return;
  }
  waiting_for_.clear();
  auto begun = read_setup();
  if (begun) {
    begun = begin();
  }
  if (!begun) {
    io::log({Level::error, "start", begun.error().what, {}});
    has_failed_ = true;
    io_.stop();
  }
}

void Arbiter::stop() {
  if (driver_) {
    driver_->feed(Stop{});
  } else {
    io_.stop();
  }
}

// If the file says otherwise by now, that is told, in the status until a reload succeeds.
SetupResult Arbiter::read_last_good_setup(const LastGood& good) {
  auto loaded = load_setup_from(good.text, options_.config_file, *links_, resolve_, good.node);
  const auto file = load_setup(options_.config_file, *links_, resolve_, good.node);
  if (!loaded.setup || (file.setup && file.setup->text == good.text)) {
    return loaded;
  }
  reload_errors_ = file.setup ? std::vector{options_.config_file +
                                            " was edited before pulse's "
                                            "arbiter was started again; "
                                            "lvsctl plan shows what a "
                                            "reload would change"}
                              : file.complaints;
  for (const std::string& error : reload_errors_) {
    io::log({Level::error, "configuration", "", {{"text", error}}});
  }
  io::log({Level::error, "last-good-configuration", "", {{"instead_of", options_.config_file}}});
  return loaded;
}

void Arbiter::keep_good() {
  const Setup& setup = shell_->setup();
  if (const auto saved = save_last_good(run_dir_, {setup.settings.node, setup.text}); !saved) {
    io::log({Level::warning, "keep-failed", "", {{"error", saved.error().what}}});
  }
}

// Names have other addresses; the configuration is the same.
void Arbiter::take_names() {
  if (!running_) {
    return begin_if_possible();
  }
  const Setup& now = shell_->setup();
  auto loaded =
      load_setup_from(now.text, options_.config_file, *links_, resolve_, now.settings.node);
  names_error_ =
      loaded.setup ? "" : "what names resolve to is not used: " + loaded.complaints.back();
  if (!loaded.setup) {
    io::log({Level::error, "names-refused", "", {{"error", loaded.complaints.back()}}});
    return;
  }
  const Setup& next = *loaded.setup;
  take_routes(next.routes);
  if (next.settings != now.settings || next.config.witness != now.config.witness) {
    feed_links(next.settings);
    shell_->take_names(next);
    driver_->feed(Reconfigured{next.settings});
    shell_->look_for_foreign();
  }
}

// An own name's new address counts once this machine has it and no more the one before.
void Arbiter::take_routes(std::vector<HeartbeatRoute> routes) {
  const auto& running = shell_->setup().routes;
  if (routes.size() != running.size()) {
    return;
  }
  const auto own = links_->addresses();
  for (size_t path = 0; path < routes.size(); ++path) {
    const auto& before = running[path].own.address;
    auto& after = routes[path].own.address;
    const bool has_moved = own && after && own->contains(*after) && !own->contains(*before);
    after = !before || has_moved ? after : before;
  }
  shell_->take_routes(routes);
}

// Of every device that the configuration speaks of.
void Arbiter::feed_links(const Settings& settings) {
  std::set<std::string> devices = settings.monitored_devices;
  const auto& of_addresses = settings.addresses.devices();
  devices.insert(of_addresses.begin(), of_addresses.end());
  for (const std::string& device : devices) {
    const Link* link = links_->find(device);
    driver_->feed(LinkChanged{device, link != nullptr && link->up, link != nullptr});
  }
}

void Arbiter::feed_present() {
  feed_links(first_setup_->settings);
  shell_->look_for_foreign();
  shell_->ask_witnesses();
  if (options_.force_active) {
    driver_->feed(ForceActive{});
  }
}

int Arbiter::run() {
  signals_ = std::make_unique<io::Signals>(
      io_, [this](int) { stop(); },
      [this] {
        ++reloads_;
        running_ ? reload() : begin_if_possible();
      });
  keeper_->say(kArbiterReady);
  leave_the_terminal();
  for (const std::string& missing : not_granted_) {
    io::log({Level::warning, "not-granted", "", {{"what", missing}}});
  }
  io_.run();
  return has_failed_ ? 1 : 0;
}

void Arbiter::leave_the_terminal() {
  if (options_.foreground) {
    return;
  }
  const io::UniqueFd null{::open("/dev/null", O_RDWR | O_CLOEXEC)};
  for (int fd = 0; fd <= 2; ++fd) {
    ::dup2(null.get(), fd);
  }
}

// The setup that the file says now; without it, complaints are why the running one must stay.
SetupResult Arbiter::load_for_reload() {
  auto loaded = load_setup(options_.config_file, *links_, resolve_, shell_->setup().settings.node);
  if (loaded.is_cut_short) {
    loaded.setup.reset();
  }
  const std::string needed =
      loaded.setup ? config::restart_needed(shell_->setup().config, loaded.setup->config,
                                            options_.config_file)
                   : "";
  if (!needed.empty()) {
    loaded.setup.reset();
    loaded.complaints = {needed};
  }
  return loaded;
}

// The running configuration stays when the new one has an error.
void Arbiter::reload() {
  names_.start_asking();
  auto loaded = load_for_reload();
  if (loaded.setup || loaded.complaints != reload_errors_) {  // Else all was said of it.
    for (const std::string& complaint : loaded.complaints) {
      io::log({loaded.setup ? Level::warning : Level::error,
               "configuration",
               "",
               {{"text", complaint}}});
    }
  }
  if (!loaded.setup) {
    reload_errors_ = std::move(loaded.complaints);
    io::log({Level::error,
             "reload-refused",
             "",
             {{"running_serial", std::to_string(shell_->setup().config.serial_no)}}});
    return;
  }
  reload_errors_.clear();
  names_.forget_unasked();
  name_watch_->look();
  const Setup& next = *loaded.setup;
  take_routes(next.routes);
  feed_links(next.settings);
  shell_->change_setup(next);
  driver_->feed(Reconfigured{next.settings});
  shell_->look_for_foreign();
  keep_good();
  io::log({Level::notice,
           "reloaded",
           "rereading configuration file",
           {{"serial", std::to_string(next.config.serial_no)}}});
}

// Why a reload of the file, as it is now, would be refused.
json::object Arbiter::plan() {
  const auto loaded = load_for_reload();
  return {{"refusals", loaded.setup
                           ? json::array{}
                           : json::array(loaded.complaints.begin(), loaded.complaints.end())}};
}

json::object Arbiter::answer(const json::object& request) {
  const json::value* word = request.if_contains("do");
  const std::string what =
      word != nullptr && word->is_string() ? std::string(word->get_string()) : "";
  if (!waiting_for_.empty() && what == "status") {
    const auto troubles = names_.troubles();
    return {{"state", "waiting"},
            {"reason", waiting_for_},
            {"able", false},
            {"reasons", "own-address-missing"},
            {"names_unresolved", json::array(troubles.begin(), troubles.end())},
            {"reloads", reloads_},
            {"pid", ::getpid()}};
  }
  if (what == "events") {
    return events_.answer(request);
  }
  if (what == "reload") {
    ::kill(::getppid(), SIGHUP);  // The keeper tells all its children, and those to come.
    return {};
  }
  if (!running_) {
    return io::control_error(waiting_for_.empty() ? "starting" : "waiting: " + waiting_for_);
  }
  if (what == "status") {
    return status();
  }
  if (what == "plan") {
    return plan();
  }
  if (what == "switchover") {
    return operate(Switchover{});
  }
  if (what == "hold") {
    return operate(HoldRole{hold_asked_for(request)});
  }
  if (what == "release") {
    return operate(ReleaseRole{});
  }
  return io::control_error(
      "unknown request: expected status, events, plan, reload, "
      "switchover, hold or release");
}

json::object Arbiter::status() {
  json::object status = to_json(director_->status(Clock::now()));
  json::array sockets;
  for (const auto& socket : shell_->sockets()) {
    const auto& counters = socket->counters();
    sockets.push_back(json::object{{"name", socket->route().name},
                                   {"own", shown(socket->route().own)},
                                   {"peer", shown(socket->route().peer)},
                                   {"sent", counters.sent},
                                   {"send_failed", counters.send_failed},
                                   {"last_error", counters.last_error},
                                   {"received", counters.received},
                                   {"foreign", counters.foreign}});
  }
  const json::array errors(reload_errors_.begin(), reload_errors_.end());
  auto troubles = names_.troubles();
  if (!names_error_.empty()) {
    troubles.push_back(names_error_);
  }
  const auto& counters = shell_->counters();
  status["pid"] = ::getpid();
  status["version"] = io::version_line("pulse");
  status["config_file"] = options_.config_file;
  status["config_serial"] = shell_->setup().config.serial_no;
  status["reloads"] = reloads_;
  status["reload_errors"] = errors;
  status["remarks"] = key_remarks(*shell_);
  status["names_unresolved"] = json::array(troubles.begin(), troubles.end());
  status["sockets"] = std::move(sockets);
  status["lvsd"] = json::object{{"connected", shell_->lvsd().connected()},
                                {"ready", shell_->lvsd().ready()},
                                {"armed", shell_->lvsd().armed()},
                                {"failed_restarts", shell_->lvsd_failures()}};
  const int keeper = ::getppid();
  status["keeper"] = json::object{{"pid", keeper}, {"stopped", io::is_stopped(keeper)}};
  status["kept"] = json::object{{"written", shell_->is_kept()}, {"error", shell_->why_not_kept()}};
  status["shell"] = json::object{{"address_failures", counters.address_failures},
                                 {"announce_failures", counters.announce_failures},
                                 {"too_late", counters.too_late}};
  return status;
}

Hold Arbiter::hold_asked_for(const json::object& request) const {
  const json::value* by = request.if_contains("by");
  std::string who = by != nullptr && by->is_string() ? std::string(by->get_string()) : "root";
  std::erase_if(who, [](char c) { return c < ' ' || c == 0x7f; });
  who.resize(std::min(who.size(), kHolderMax));
  return {who, std::chrono::system_clock::to_time_t(std::chrono::system_clock::now())};
}

json::object Arbiter::operate(const Event& wish) {
  driver_->feed(wish);
  const auto answer = shell_->take_answer();
  if (!answer) {
    return io::control_error("no answer");
  }
  return answer->ok ? json::object{{"text", answer->text}} : io::control_error(answer->text);
}

}  // namespace

int run_arbiter(const ArbiterOptions& options) {
  // An arbiter without a keeper would never be restarted, nor make room for the next one.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  io::open_log("pulse", options.foreground ? io::LogTarget::standard_error : io::LogTarget::syslog,
               options.verbose ? Level::debug : Level::info);
  try {
    Arbiter arbiter(options);
    if (const auto started = arbiter.start(); !started) {
      say(options, started.error().what, Level::error);
      return 1;
    }
    return arbiter.run();
  } catch (const std::exception& failure) {
    say(options, failure.what(), Level::error);
    return 1;
  }
}

}  // namespace lvs::pulse
