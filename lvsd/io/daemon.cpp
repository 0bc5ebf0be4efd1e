#include "lvsd/io/daemon.h"

#include <net/if.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/json/array.hpp>
#include <cstdio>
#include <filesystem>
#include <utility>

#include "common/config/difference.h"
#include "common/config/machine_needs.h"
#include "common/io/control_socket.h"
#include "common/io/daemon.h"
#include "common/io/event_recorder.h"
#include "common/io/keeper_line.h"
#include "common/io/log_sink.h"
#include "common/io/machine.h"
#include "common/io/name_watch.h"
#include "common/io/read_file.h"
#include "common/io/resolve.h"
#include "common/io/run_dir.h"
#include "common/ipvs/io/embedded_transport.h"
#include "lvsd/core_mode.h"
#include "lvsd/io/core_settings.h"
#include "lvsd/io/kernel_removal.h"
#include "lvsd/io/load_config.h"
#include "lvsd/io/mark_rules.h"
#include "lvsd/io/ownership_record.h"
#include "lvsd/io/shell.h"
#include "lvsd/io/status.h"
#include "lvsd/io/sysctls.h"
#include "lvsd/reload_effects.h"

namespace lvs::lvsd::io {
namespace {

namespace json = boost::json;

constexpr const char* kNamesFile = "/var/lib/lvs/names";
// What runs: for an lvsd that is started again, since the file may be half edited by then.
constexpr const char* kGoodFile = "/lvsd.good";
constexpr const char* kPidFile = "/run/lvs.pid";  // Piranha's name for it.

void say(const std::string& text) {
  std::fprintf(stderr, "lvsd: %s\n", text.c_str());
}

void log_remarks(const LoadedConfig& loaded) {
  for (const auto& remark : loaded.remarks) {
    const bool is_grave = remark.severity == config::Severity::unsupported ||
                          remark.severity == config::Severity::cut_short;
    lvs::io::log({is_grave ? Level::error : Level::warning,
                  "configuration",
                  "",
                  {{"remark", config::to_string(remark)}}});
  }
}

void keep_names(const std::string& text) {
  std::error_code ignored;
  std::filesystem::create_directories(std::filesystem::path(kNamesFile).parent_path(), ignored);
  const auto saved = lvs::io::write_file_atomically(kNamesFile, text, 0644);
  if (!saved) {
    lvs::io::log({Level::error, "names-not-kept", "", {{"error", saved.error().what}}});
  }
}

// The running daemon: answers control requests and signals until it is told to stop.
class Lvsd {
 public:
  Lvsd(boost::asio::io_context& io, Plane& plane, Shell::Settings settings, ConfigFile& file,
       Names& names)
      : plane_(plane),
        file_(file),
        good_file_(settings.run_dir + kGoodFile),
        names_(names),
        name_watch_(io, names, keep_names, [this] { take_names(); }),
        shell_(io, plane, std::move(settings)),
        driver_(io, reconciler_, shell_) {
    shell_.drive_with(driver_);
  }

  void start(const LoadedConfig& loaded, Owned owned) {
    take(loaded);
    if (file_.is_edited()) {
      const std::string remark = file_.path() +
                                 " is not what runs: it was edited before lvsd was "
                                 "started again (lvsctl plan shows what a reload would change)";
      remarks_.push_back(json::string(remark));
      lvs::io::log({Level::warning, "configuration", "", {{"remark", remark}}});
    }
    driver_.feed(Started{loaded.config, std::move(owned), plane_.armed()});
  }

  bool is_armed() const { return reconciler_.armed(); }

  void take_role(const RoleSaid& role) { driver_.feed(role); }

  // The running configuration stays when the file has an error.
  void reload() {
    ++reloads_;
    names_.start_asking();
    const auto loaded = file_.load();
    if (!loaded) {
      driver_.feed(ReloadFailed{loaded.error().what});
      return;
    }
    const std::string refusal = refusal_of(*loaded);
    if (!refusal.empty()) {
      driver_.feed(ReloadFailed{refusal});
      return;
    }
    take(*loaded);
    driver_.feed(Configured{loaded->config});
  }

  json::object answer(const json::object& request) {
    const json::value* word = request.if_contains("do");
    const std::string what =
        word != nullptr && word->is_string() ? std::string(word->get_string()) : "";
    if (what == "status") {
      return status();
    }
    if (what == "role") {
      return role(request);
    }
    if (what == "plan") {
      return plan();
    }
    if (what == "kept") {
      return kept_by(reconciler_, plane_.kind(), file_.path());
    }
    if (what == "reload") {
      reload();
      const std::string& error = reconciler_.reload_error();
      return error.empty() ? json::object{} : lvs::io::control_error(error);
    }
    return lvs::io::control_error(
        "unknown request: expected status, events, kept, role, plan or reload");
  }

 private:
  // It runs from now on.
  void take(const LoadedConfig& loaded) {
    log_remarks(loaded);
    remember(loaded);
    file_.keep();
    keep_good();
    names_.forget_unasked();
    name_watch_.look();
  }

  void keep_good() {
    const auto saved = lvs::io::write_file_atomically(good_file_, file_.kept(), 0600);
    if (!saved) {
      lvs::io::log({Level::warning, "keep-failed", "", {{"error", saved.error().what}}});
    }
  }

  void take_names() {
    const auto loaded = file_.load_kept();
    if (!loaded) {
      driver_.feed(ReloadFailed{loaded.error().what, true});
      return;
    }
    remember(*loaded);
    driver_.feed(Configured{loaded->config, true});
  }

  void remember(const LoadedConfig& loaded) {
    remarks_ = json::array();
    for (const auto& remark : loaded.remarks) {
      remarks_.push_back(json::string(config::to_string(remark)));
    }
  }

  json::object status() {
    json::object status = status_of(reconciler_, plane_, Clock::now());
    status["pid"] = ::getpid();
    status["version"] = lvs::io::version_line("lvsd");
    status["config_file"] = file_.path();
    status["reloads"] = reloads_;
    status["remarks"] = remarks_;
    const auto troubles = names_.troubles();
    status["names_unresolved"] = json::array(troubles.begin(), troubles.end());
    return status;
  }

  json::object role(const json::object& request) {
    const json::value* active = request.if_contains("active");
    if (active == nullptr || !active->is_bool()) {
      return lvs::io::control_error("role: expected \"active\": true or false");
    }
    const json::value* ahead = request.if_contains("ahead");
    take_role({active->get_bool(), ahead != nullptr && ahead->is_bool() && ahead->get_bool()});
    json::object answer{{"ready", reconciler_.is_ready(Clock::now())},
                        {"armed", reconciler_.armed()}};
    if (const auto has_way = reconciler_.health().has_way()) {
      answer["has_way"] = *has_way;
    }
    const TimePoint now = Clock::now();
    const HealthWatch& health = reconciler_.health();
    // Who serves goes on with what it knows of the servers; nobody knows more for being moved.
    answer["checks_stopped"] = health.are_checks_stopped(now) ||
                               (!active->get_bool() && health.is_each_check_impossible(now));
    const auto unserved = health.unserved(now);
    answer["cut_services"] = unserved.cut;
    if (const auto& failing = unserved.failing) {
      answer["failing_if_active"] = failing->if_serving;
      answer["failing_if_standby"] = failing->if_not;
      answer["failing"] = json::array(failing->failing.begin(), failing->failing.end());
      answer["uncheckable"] = json::array(failing->uncheckable.begin(), failing->uncheckable.end());
      answer["recovered"] = json::array(failing->recovered.begin(), failing->recovered.end());
      answer["certain"] = json::array(failing->certain.begin(), failing->certain.end());
      answer["doubtful"] = json::array(failing->doubtful.begin(), failing->doubtful.end());
      if (failing->changes_at) {
        answer["changes_in_ms"] = lvs::to_ms(*failing->changes_at - now).count() + 1;
      }
    }
    return answer;
  }

  std::string refusal_of(const LoadedConfig& loaded) const {
    const std::string cut_short = config::reason_to_keep_the_old(loaded.remarks);
    return cut_short.empty()
               ? config::restart_needed(reconciler_.config(), loaded.config, file_.path())
               : cut_short;
  }

  // What a reload of the file, as it is now, would change.
  json::object plan() {
    const auto loaded = file_.load();
    if (!loaded) {
      return lvs::io::control_error(loaded.error().what);
    }
    json::array unsupported;
    for (const auto& remark : loaded->remarks) {
      if (remark.severity == config::Severity::unsupported) {
        unsupported.push_back(json::string(config::to_string(remark)));
      }
    }
    const config::Config& now = reconciler_.config();
    json::object answer{{"unsupported", std::move(unsupported)},
                        {"refused", refusal_of(*loaded)},
                        {"differences", json::array()},
                        {"addresses", json::array()},
                        {"settings", json::array()},
                        {"operations", json::array()}};
    if (!answer["refused"].as_string().empty()) {
      return answer;
    }
    for (const auto& difference : config::differences(now, loaded->config)) {
      answer["differences"].as_array().push_back(json::string(difference));
    }
    for (const auto& text : devices_lacked(now, loaded->config, [](const std::string& device) {
           return ::if_nametoindex(device.c_str()) != 0;
         })) {
      answer["unsupported"].as_array().push_back(json::string(text));
    }
    for (const auto& change : address_changes(now, loaded->config)) {
      answer["addresses"].as_array().push_back(json::string(change));
    }
    for (const auto& change :
         setting_changes(now, loaded->config, reconciler_.role(), reconciler_.own_addresses(),
                         [this](const Sysctl& sysctl) { return has_value(sysctl); })) {
      answer["settings"].as_array().push_back(json::string(change));
    }
    for (const auto& op : reconciler_.plan_for(loaded->config)) {
      answer["operations"].as_array().push_back(json::string(ipvs::to_string(op)));
    }
    return answer;
  }

  // The embedded core's are not asked for: it has those that it was given.
  bool has_value(const Sysctl& sysctl) const {
    const bool is_elsewhere =
        reconciler_.config().core == config::CoreKind::embedded && is_of_core(sysctl);
    return !is_elsewhere && sysctls_otherwise({sysctl}).empty();
  }

  Plane& plane_;
  ConfigFile& file_;
  std::string good_file_;
  Names& names_;
  lvs::io::NameWatch name_watch_;
  json::array remarks_;
  uint64_t reloads_ = 0;  // Asked for, since this process started.
  Reconciler reconciler_;
  Shell shell_;
  Shell::Driver driver_;
};

// Whoever starts lvsd anew wants the file, whatever ran before.
Result<LoadedConfig> load_first(ConfigFile& file, bool restarted) {
  const auto dir = lvs::io::run_dir();
  if (dir && restarted) {
    const auto good = lvs::io::read_file(*dir + kGoodFile, config::kMaxFileBytes);
    if (auto loaded = good ? file.load_from(*good) : good.error(); loaded) {
      return loaded;
    }
  }
  return file.load();
}

bool is_about_events(const json::object& request) {
  const json::value* word = request.if_contains("do");
  return word != nullptr && *word == "events";
}

Result<int> serve(const Options& options, ConfigFile& file, Names& names,
                  const LoadedConfig& loaded, lvs::io::Background& background) {
  boost::asio::io_context io;
  Lvsd* running = nullptr;
  const lvs::io::EventRecorder events(io, lvs::io::events_file("lvsd"));
  // First of all: the name is the lock. A second lvsd in this network namespace must not touch
  // anything.
  const auto dir = lvs::io::run_dir();
  if (!dir) {
    return dir.error();
  }
  auto control = lvs::io::ControlServer::listen(
      io, *dir + lvs::io::kLvsdSocket,
      {.reads = {"status", "plan", "events", "kept"}, .unlogged = {"role"}},
      [&](const json::object& request) {
        if (is_about_events(request)) {
          return events.answer(request);
        }
        return running != nullptr ? running->answer(request) : lvs::io::control_error("starting");
      });
  if (!control) {
    return control.error().code == EADDRINUSE
               ? Error{EADDRINUSE, "another lvsd runs in this network namespace; stop it first (" +
                                       control.error().what + ")"}
               : control.error();
  }
  (*control)->note_starting(true);
  lvs::io::log_restart(options.predecessor);
  auto plane = open_plane(io, loaded.config);
  if (!plane) {
    return plane.error();
  }
  const auto pid_file = lvs::io::PidFile::create(kPidFile);
  Lvsd lvsd(io, **plane, {*dir, loaded.config->core, options.log_to_stderr, options.verbose}, file,
            names);
  running = &lvsd;
  lvsd.start(loaded, load_owned(*dir, loaded.config->core));
  if (!options.standby) {
    lvsd.take_role({.active = true});
  }
  const lvs::io::Signals signals(
      io,
      [&](int signal) {
        lvs::io::log({Level::notice,
                      "stop",
                      "shutting down due to signal " + std::to_string(signal),
                      {{"forwarding", lvsd.is_armed() ? "stays" : "none, not armed"}}});
        io.stop();
      },
      [&] { lvsd.reload(); });
  const auto keeper = lvs::io::KeeperLine::inherited(io, {});
  (*control)->note_starting(false);
  background.ready();
  io.run();
  return EXIT_SUCCESS;
}

}  // namespace

int run_daemon(const Options& options) {
  std::error_code ignored;
  Names names = lvs::io::load_names(kNamesFile);
  ConfigFile file(std::filesystem::absolute(options.config_file, ignored).string(),
                  [&names](std::string_view name) { return names.address_of(name); });
  const auto loaded = load_first(file, options.restarted);
  if (!loaded) {
    say(loaded.error().what);
    return EXIT_FAILURE;
  }
  lvs::io::Background background;
  if (!options.foreground) {
    auto entered = lvs::io::Background::enter();
    if (!entered) {
      say(entered.error().what);
      return EXIT_FAILURE;
    }
    background = std::move(*entered);
  }
  lvs::io::open_log(
      "lvsd",
      options.log_to_stderr ? lvs::io::LogTarget::standard_error : lvs::io::LogTarget::syslog,
      options.verbose ? Level::debug : Level::info);
  const auto served = serve(options, file, names, *loaded, background);
  if (!served) {
    lvs::io::log({Level::error, "start-failed", "", {{"error", served.error().what}}});
    say(served.error().what);
    return EXIT_FAILURE;
  }
  return *served;
}

int run_check(const Options& options) {
  const auto loaded = ConfigFile(options.config_file, lvs::io::resolve).load();
  if (!loaded) {
    std::fprintf(stderr, "%s\n", loaded.error().what.c_str());
    return EXIT_FAILURE;
  }
  config::Diagnostics remarks = loaded->remarks;
  for (auto& missing :
       config::machine_lacks(loaded->config, {lvs::io::has_user, lvs::io::has_sctp})) {
    missing.file = options.config_file;
    remarks.push_back(std::move(missing));
  }
  for (const auto& remark : remarks) {
    std::fprintf(stderr, "%s\n", config::to_string(remark).c_str());
  }
  return EXIT_SUCCESS;
}

namespace {

core::CoreModeOptions core_options(const Options& options) {
  core::CoreModeOptions core;
  core.core.interfaces = options.interfaces;
  core.core.connections_max = options.connections;
  core.remove = options.mode == Mode::core_remove;
  core.foreground = options.foreground;
  return core;
}

}  // namespace

int run_core(const Options& options) {
  const auto dir = lvs::io::run_dir();
  const auto set =
      dir ? set_sysctls(*dir, {{"net/ipv4/ip_forward", "1"}}) : Result<Ok>(dir.error());
  if (!set) {
    say(set.error().what);
    return EXIT_FAILURE;
  }
  return core::run_core_mode(core_options(options));
}

// Those that run and those that are saved for the next boot.
Result<Ok> remove_marks(boost::asio::io_context& io) {
  Result<MarkWarnings> removed = Error{EIO, "firewall marks: nothing was done"};
  MarkRules rules(io, distribution_mark_files(), lvs::io::log);
  rules.apply(config::Config{}, [&](Result<MarkWarnings> result) {
    removed = std::move(result);
    io.stop();
  });
  io.run();
  return removed ? Result<Ok>(Ok{}) : Result<Ok>(removed.error());
}

// Whatever fails, the rest is still taken away. Never beside a running lvsd, which would put back
// what it watches and serve without the rest.
int run_core_remove(const Options& options) {
  const auto dir = lvs::io::run_dir();
  if (!dir) {
    say(dir.error().what);
    return EXIT_FAILURE;
  }
  boost::asio::io_context io;
  const auto lock =
      lvs::io::ControlServer::listen(io, *dir + lvs::io::kLvsdSocket, {}, [](const json::object&) {
        return lvs::io::control_error("lvsd --core --remove is at work");
      });
  const bool core_runs = static_cast<bool>(ipvs::io::connect_embedded());
  if (core_runs || (!lock && lock.error().code == EADDRINUSE)) {
    say("lvsd runs in this network namespace: stop it before its core is removed (service pulse "
        "stop)");
    return EXIT_FAILURE;
  }
  int status = core::run_core_mode(core_options(options));
  if (status == EXIT_SUCCESS) {
    forget_owned(*dir, config::CoreKind::embedded);
    forget_core_settings(*dir);
  }
  for (const auto& done : {remove_from_kernel(*dir), remove_marks(io), restore_sysctls(*dir)}) {
    if (!done) {
      say(done.error().what);
      status = EXIT_FAILURE;
    }
  }
  return status;
}

}  // namespace lvs::lvsd::io
