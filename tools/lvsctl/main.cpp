// lvsctl: the operator's command. Asks the files and daemons, and prints; what it prints is decided
// in files of their own.
#include <net/if.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "common/io/control_socket.h"
#include "common/io/daemon.h"
#include "common/io/event_recorder.h"
#include "common/io/look_at_silent.h"
#include "common/io/machine.h"
#include "common/io/own_addresses.h"
#include "common/io/read_file.h"
#include "common/io/resolve.h"
#include "common/io/run_dir.h"
#include "tools/lvsctl/arguments.h"
#include "tools/lvsctl/check.h"
#include "tools/lvsctl/events.h"
#include "tools/lvsctl/io/core_here.h"
#include "tools/lvsctl/io/import_file.h"
#include "tools/lvsctl/io/look_at_key.h"
#include "tools/lvsctl/io/make_key.h"
#include "tools/lvsctl/kept.h"
#include "tools/lvsctl/metrics/io/server.h"
#include "tools/lvsctl/metrics/page.h"
#include "tools/lvsctl/plan.h"
#include "tools/lvsctl/reload.h"
#include "tools/lvsctl/status.h"
#include "tools/lvsctl/switchover.h"

namespace lvs::lvsctl {

namespace {

using namespace std::chrono_literals;
namespace json = boost::json;

constexpr const char* kPulse = lvs::io::kPulseSocket;
constexpr const char* kLvsd = lvs::io::kLvsdSocket;
constexpr const char* kConfigFile = "/etc/sysconfig/ha/lvs.cf";
constexpr Duration kPatience = 10s;
constexpr Duration kScrapePatience = 3s;  // Others wait as well.
constexpr Duration kLookPause = 50ms;
constexpr Duration kKeptPatience = 2500ms;  // Longer than pulse waits to try again.
constexpr Duration kFollowPause = 500ms;

constexpr int kGood = 0;
constexpr int kBad = 1;
constexpr int kUsage = 2;
constexpr int kNotRunning = 3;
constexpr int kNotKept = 5;

constexpr const char* kHelp =
    "usage: lvsctl COMMAND [OPTIONS]\n"
    "\n"
    "  check [--strict] [--json] [FILE]  what is wrong with an lvs.cf (default "
    "/etc/sysconfig/ha/lvs.cf)\n"
    "  status [--json]                   role, peer, addresses, services and servers of this "
    "director\n"
    "  plan [--json]                     what reloading the configuration would change\n"
    "  reload                            let both daemons read lvs.cf again, and tell what "
    "they made of it\n"
    "  key [--next] [--force] [FILE]     make the key of the heartbeats, where an lvs.cf says\n"
    "  import [--from FORMAT] [--primary ADDRESS] [--backup ADDRESS] [--device DEVICE] [--output "
    "FILE] [--force] [FILE]\n"
    "                                    make an lvs.cf of what ipvsadm -S wrote, of a "
    "keepalived.conf or\n"
    "                                    an ldirectord.cf\n"
    "  switchover [--deadline SECONDS]   hand the services over to the peer, or fetch them from "
    "it,\n"
    "                                    and wait until it is done (default 10)\n"
    "  events [--follow] [--json]        the last transitions and alarms of both daemons; "
    "--follow: and "
    "those to come\n"
    "  metrics [--listen ADDRESS:PORT]   what both daemons know, as OpenMetrics text; or serve it "
    "over\n"
    "                                    HTTP, at /metrics (default port 9539)\n"
    "  hold                              keep this director in its role: no takeover, no handover\n"
    "  release                           let it act again\n"
    "\n"
    "  --help, --version\n"
    "\n"
    "exit status: 0 good; 1 errors, degraded, refused or not all carried over; 2 wrong usage, or "
    "nothing to\n"
    "             import; 3 not running; 4 may not ask\n";

int complain(const std::string& what, int status) {
  std::fprintf(stderr, "lvsctl: %s\n", what.c_str());
  return status;
}

void print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
}

bool means_not_running(const Error& error) {
  return error.code == ECONNREFUSED || error.code == ENOENT;
}

Error silence(int code, const SilentDaemon& daemon) {
  return {code, to_string(daemon) + ": " + advice_for(daemon)};
}

// Those who are not root have a socket of their own, for what changes nothing. `silent`: for who
// only looks, and so does not wait for one that is starting: why there is no answer.
Result<json::object> ask(const char* daemon, const json::object& request,
                         Duration patience = kPatience, SilentDaemon* silent = nullptr) {
  const auto folder = lvs::io::run_dir_path();
  if (!folder) {
    return folder.error();
  }
  const std::string path = *folder + daemon;
  SilentDaemon why = lvs::io::look_at_silent(path);
  if (silent != nullptr) {
    *silent = why;
    if (why.why == Silence::starting || why.is_stopped) {
      return silence(ETIMEDOUT, why);
    }
  }
  auto reply = lvs::io::control_call(::geteuid() == 0 ? path : lvs::io::status_socket_of(path),
                                     request, patience);
  if (!reply && reply.error().code == EACCES) {
    return Error{EACCES, "only root and the group lvs may ask (" + reply.error().what + ")"};
  }
  if (!reply && reply.error().code == ETIMEDOUT) {
    why.why = why.why == Silence::starting ? why.why : Silence::silent;
    (silent == nullptr ? why : *silent) = why;
    return silence(ETIMEDOUT, why);
  }
  return !reply && means_not_running(reply.error()) ? silence(reply.error().code, why)
                                                    : std::move(reply);
}

Answer ask_status(const char* daemon, Duration patience = kPatience) {
  SilentDaemon silent;
  auto reply = ask(daemon, {{"do", "status"}}, patience, &silent);
  if (!reply) {
    return {std::nullopt, reply.error().what, reply.error().code == EACCES, silent};
  }
  return {std::move(reply).value(), ""};
}

LookHere look_here() {
  LookHere look{look_at_key,
                [](const std::string& device) { return ::if_nametoindex(device.c_str()) != 0; },
                {},
                {lvs::io::has_user, lvs::io::has_sctp},
                [](const std::string& path) {
                  struct stat status {};
                  return ::lstat(path.c_str(), &status) == 0 && !S_ISFIFO(status.st_mode);
                }};
  if (const auto own = lvs::io::own_addresses()) {
    look.has_address = [own = *own](const Address& address) { return own.contains(address); };
  }
  return look;
}

int run_check(const Arguments& arguments) {
  const std::string file = arguments.file.value_or(kConfigFile);
  const auto text = lvs::io::read_file(file, config::kMaxFileBytes);
  if (!text) {
    return complain(text.error().what, kBad);
  }
  const auto report =
      check(*text, file, arguments.has("--strict") ? Strictness::strict : Strictness::liberal,
            lvs::io::resolve, look_here());
  print(to_text(report, file, arguments.has("--json") ? Format::json : Format::text));
  return report.good ? kGood : kBad;
}

int run_status(const Arguments& arguments) {
  const Answer pulse = ask_status(kPulse);
  const Answer lvsd = ask_status(kLvsd);
  const StatusPage page = status_page(pulse, lvsd, lvsd.status ? CoreHere::yes : core_here());
  print(arguments.has("--json") ? status_json(pulse, lvsd, page.condition) : page.text);
  return static_cast<int>(page.condition);
}

struct Answers {
  Answer pulse;
  Answer lvsd;

  static Answers ask() {
    return {ask_status(kPulse, kScrapePatience), ask_status(kLvsd, kScrapePatience)};
  }
  std::string page() const { return metrics_page(pulse, lvsd); }
};

int run_metrics(const Arguments& arguments) {
  const Answers first = Answers::ask();
  for (const auto* answer : {&first.pulse, &first.lvsd}) {
    if (!answer->status) {
      complain("metrics: " + answer->error, kBad);  // To the scraper it is a metric.
    }
  }
  if (!arguments.listen) {
    print(first.page());
    const bool is_refused = first.pulse.is_refused || first.lvsd.is_refused;
    return first.pulse.status || first.lvsd.status ? kGood
           : is_refused                            ? static_cast<int>(Condition::unknown)
                                                   : kNotRunning;
  }
  const auto served = serve_metrics(
      *arguments.listen, {}, [] { return Answers::ask().page(); },
      [](const Endpoint& at) {
        std::fprintf(stderr, "lvsctl: http://%s/metrics\n", to_string(at).c_str());
      });
  return served ? kGood : complain("metrics: " + served.error().what, kBad);
}

int run_plan(const Arguments& arguments) {
  auto reply = ask(kLvsd, {{"do", "plan"}});
  if (!reply) {
    return complain("plan: lvsd: " + reply.error().what,
                    means_not_running(reply.error()) ? kNotRunning : kBad);
  }
  if (const auto of_pulse = ask(kPulse, {{"do", "plan"}})) {
    reply->insert({{"refusals", of_pulse->at("refusals")}});
  }
  const PlanPage page = plan_page(*reply);
  print(arguments.has("--json") ? json::serialize(*reply) + "\n" : page.text);
  return page.good ? kGood : kBad;
}

int run_switchover(const Arguments& arguments) {
  const auto before = ask(kPulse, {{"do", "status"}});
  const auto asked = before ? ask(kPulse, {{"do", "switchover"}}) : before;
  if (!asked) {
    return complain("switchover: pulse: " + asked.error().what,
                    means_not_running(asked.error()) ? kNotRunning : kBad);
  }
  Switchover switchover(*before);
  const TimePoint deadline = Clock::now() + arguments.deadline;
  while (Clock::now() < deadline) {
    const auto now = ask(kPulse, {{"do", "status"}});
    const auto outcome = now ? switchover.judge(*now) : std::nullopt;
    if (outcome) {
      (outcome->done ? print(outcome->text + "\n") : void());
      return outcome->done ? kGood : complain("switchover: " + outcome->text, kBad);
    }
    std::this_thread::sleep_for(kLookPause);
  }
  return complain("switchover: not done within " +
                      std::to_string(to_ms(arguments.deadline).count() / 1000) +
                      " s; see lvsctl status on both directors",
                  kBad);
}

int run_reload(const Arguments&) {
  const auto pulse = ask(kPulse, {{"do", "status"}});
  const auto lvsd = pulse ? ask(kLvsd, {{"do", "status"}}) : pulse;
  if (lvsd) {
    const auto refusal =
        refusal_by_one(ask(kPulse, {{"do", "plan"}}), ask(kLvsd, {{"do", "plan"}}));
    if (refusal) {
      return complain("reload: " + refusal->text, kBad);
    }
  }
  const auto asked = lvsd ? ask(kPulse, {{"do", "reload"}}) : lvsd;
  if (!asked) {
    return complain(std::string("reload: ") + (pulse ? "" : "pulse: ") + asked.error().what,
                    means_not_running(asked.error()) ? kNotRunning : kBad);
  }
  const Reload reload(*pulse, *lvsd);
  const TimePoint deadline = Clock::now() + kPatience;
  while (Clock::now() < deadline) {
    const auto pulse_now = ask(kPulse, {{"do", "status"}});
    const auto lvsd_now = ask(kLvsd, {{"do", "status"}});
    const auto outcome = pulse_now && lvsd_now ? reload.judge(*pulse_now, *lvsd_now) : std::nullopt;
    if (outcome) {
      (outcome->done ? print(outcome->text + "\n") : void());
      return outcome->done ? kGood : complain("reload: " + outcome->text, kBad);
    }
    std::this_thread::sleep_for(kLookPause);
  }
  return complain("reload: not both daemons have answered for it within 10 s; see lvsctl status",
                  kBad);
}

// What they have to say now. One that does not run left a file; nothing: not even that.
std::optional<std::vector<Happened>> read_events(EventReader& reader, const char* socket) {
  if (const auto answer = ask(socket, reader.question())) {
    return reader.news(*answer);
  }
  const auto text = lvs::io::read_file(lvs::io::events_file(reader.daemon()), kEventsTextMax);
  const auto log = text ? EventLog::read(*text) : text.error();
  if (!log) {
    complain("events: " + reader.daemon() +
                 " does not answer, and what it left cannot be read: " + log.error().what,
             kNotRunning);
    return std::nullopt;
  }
  return reader.all_of(*log);
}

int run_events(const Arguments& arguments) {
  std::pair<EventReader, const char*> daemons[] = {{EventReader("pulse"), kPulse},
                                                   {EventReader("lvsd"), kLvsd}};
  const Format format = arguments.has("--json") ? Format::json : Format::text;
  std::vector<Happened> all;
  bool is_any_known = false;
  for (auto& [reader, socket] : daemons) {
    if (auto events = read_events(reader, socket)) {
      is_any_known = true;
      std::move(events->begin(), events->end(), std::back_inserter(all));
    }
  }
  if (!is_any_known && !arguments.has("--follow")) {
    return kNotRunning;
  }
  print(events_text(std::move(all), format));
  while (arguments.has("--follow") && std::fflush(stdout) == 0) {
    std::this_thread::sleep_for(kFollowPause);
    for (auto& [reader, socket] : daemons) {
      if (const auto answer = ask(socket, reader.question())) {
        print(events_text(reader.news(*answer), format));
      }
    }
  }
  return kGood;
}

// Who is to be told of: the one behind sudo.
std::string operator_name() {
  const char* behind_sudo = std::getenv("SUDO_USER");
  if (behind_sudo != nullptr && *behind_sudo != '\0') {
    return behind_sudo;
  }
  char login[LOGIN_NAME_MAX + 1];
  return ::getlogin_r(login, sizeof login) == 0 ? login : "root";
}

int wait_until_kept(const char* what) {
  const TimePoint end = Clock::now() + kKeptPatience;
  for (;;) {
    const auto status = ask(kPulse, {{"do", "status"}});
    if (!status) {
      return complain(std::string(what) + ": pulse: " + status.error().what, kNotKept);
    }
    if (is_kept(*status)) {
      return kGood;
    }
    if (Clock::now() >= end) {
      return complain(not_kept(what, *status), kNotKept);
    }
    std::this_thread::sleep_for(kLookPause);
  }
}

int tell_pulse(const char* what) {
  const auto reply = ask(kPulse, {{"do", what}, {"by", operator_name()}});
  if (!reply) {
    return complain(std::string(what) + ": pulse: " + reply.error().what,
                    means_not_running(reply.error()) ? kNotRunning : kBad);
  }
  print(std::string(reply->at("text").as_string()) + "\n");
  std::fflush(stdout);
  return wait_until_kept(what);
}

int run_hold(const Arguments&) {
  return tell_pulse("hold");
}

int run_release(const Arguments&) {
  return tell_pulse("release");
}

int run_key(const Arguments& arguments) {
  const auto made = make_key(
      arguments.file, arguments.has("--next") ? WhichKey::next : WhichKey::now,
      arguments.has("--force") ? lvs::io::Existing::replace : lvs::io::Existing::keep, kConfigFile);
  if (!made) {
    return complain(made.error().what, kBad);
  }
  print(*made);
  return kGood;
}

using Run = int (*)(const Arguments&);
const std::map<std::string, Run> kRuns = {
    {"check", run_check},     {"status", run_status},   {"plan", run_plan},
    {"key", run_key},         {"import", run_import},   {"switchover", run_switchover},
    {"events", run_events},   {"metrics", run_metrics}, {"hold", run_hold},
    {"release", run_release}, {"reload", run_reload}};

}  // namespace

int run(const std::vector<std::string>& words) {
  const auto arguments = parse_arguments(words);
  if (!arguments) {
    return complain(arguments.error().what, kUsage);
  }
  if (arguments->command == "--help") {
    print(kHelp);
    return kGood;
  }
  if (arguments->command == "--version") {
    print(lvs::io::version_line("lvsctl") + "\n");
    return kGood;
  }
  return kRuns.at(arguments->command)(*arguments);
}

}  // namespace lvs::lvsctl

int main(int argc, char** argv) {
  return lvs::lvsctl::run(std::vector<std::string>(argv + 1, argv + argc));
}
