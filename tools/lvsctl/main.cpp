// lvsctl: the operator's command. Reads its options, asks the files and daemons, prints; what it
// prints is decided in check, status and key.
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "common/io/control_socket.h"
#include "common/io/daemon.h"
#include "common/io/event_recorder.h"
#include "common/io/read_file.h"
#include "common/io/resolve.h"
#include "common/io/run_dir.h"
#include "tools/lvsctl/check.h"
#include "tools/lvsctl/events.h"
#include "tools/lvsctl/io/make_key.h"
#include "tools/lvsctl/plan.h"
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
constexpr Duration kSwitchoverDeadline = 10s;
constexpr int kDeadlineMaxS = 3600;
constexpr Duration kLookPause = 50ms;
constexpr Duration kFollowPause = 500ms;

constexpr int kGood = 0;
constexpr int kBad = 1;
constexpr int kUsage = 2;
constexpr int kNotRunning = 3;

constexpr const char* kHelp =
    "usage: lvsctl COMMAND [OPTIONS]\n"
    "\n"
    "  check [--strict] [--json] [FILE]  what is wrong with an lvs.cf (default "
    "/etc/sysconfig/ha/lvs.cf)\n"
    "  status [--json]                   role, peer, addresses, services and servers of this "
    "director\n"
    "  plan [--json]                     what reloading the configuration would change\n"
    "  key [--force] [FILE]              make the key of the heartbeats, where an lvs.cf says\n"
    "  switchover [--deadline SECONDS]   hand the services over to the peer, or fetch them from "
    "it,\n"
    "                                    and wait until it is done (default 10)\n"
    "  events [--follow] [--json]        the last transitions and alarms of both daemons; "
    "--follow: and "
    "those to come\n"
    "  hold                              keep this director in its role: no takeover, no handover\n"
    "  release                           let it act again\n"
    "\n"
    "  --help, --version\n"
    "\n"
    "exit status: 0 good; 1 errors, degraded or refused; 2 wrong usage; 3 not running\n";

struct Arguments {
  std::string command;
  std::vector<std::string> files;
  bool strict = false;
  bool json = false;
  bool force = false;
  bool follow = false;
  Duration deadline = kSwitchoverDeadline;
  bool has_deadline = false;
};

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

// Those who are not root have a socket of their own, for what changes nothing.
Result<json::object> ask(const char* daemon, const json::object& request) {
  const auto folder = lvs::io::run_dir_path();
  if (!folder) {
    return folder.error();
  }
  const std::string path = *folder + daemon;
  auto reply = lvs::io::control_call(::geteuid() == 0 ? path : lvs::io::status_socket_of(path),
                                     request, kPatience);
  if (!reply && reply.error().code == EACCES) {
    return Error{EACCES, "only root and the group lvs may ask (" + reply.error().what + ")"};
  }
  return reply;
}

Answer ask_status(const char* daemon) {
  auto reply = ask(daemon, {{"do", "status"}});
  if (!reply) {
    return {std::nullopt, reply.error().what};
  }
  return {std::move(reply).value(), ""};
}

int run_check(const Arguments& arguments) {
  const std::string file = arguments.files.empty() ? kConfigFile : arguments.files.front();
  const auto text = lvs::io::read_file(file, config::kMaxFileBytes);
  if (!text) {
    return complain(text.error().what, kBad);
  }
  const auto report = check(
      *text, file, arguments.strict ? Strictness::strict : Strictness::liberal, lvs::io::resolve);
  print(to_text(report, file, arguments.json ? Format::json : Format::text));
  return report.good ? kGood : kBad;
}

int run_status(const Arguments& arguments) {
  const Answer pulse = ask_status(kPulse);
  const Answer lvsd = ask_status(kLvsd);
  const StatusPage page = status_page(pulse, lvsd);
  print(arguments.json ? status_json(pulse, lvsd, page.condition) : page.text);
  return static_cast<int>(page.condition);
}

int run_plan(const Arguments& arguments) {
  const auto reply = ask(kLvsd, {{"do", "plan"}});
  if (!reply) {
    return complain("plan: lvsd: " + reply.error().what,
                    means_not_running(reply.error()) ? kNotRunning : kBad);
  }
  const PlanPage page = plan_page(*reply);
  print(arguments.json ? json::serialize(*reply) + "\n" : page.text);
  return page.good ? kGood : kBad;
}

int run_switchover(const Arguments& arguments) {
  const auto before = ask(kPulse, {{"do", "status"}});
  const auto asked = before ? ask(kPulse, {{"do", "switchover"}}) : before;
  if (!asked) {
    return complain("switchover: pulse: " + asked.error().what,
                    means_not_running(asked.error()) ? kNotRunning : kBad);
  }
  const Switchover switchover(*before);
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

// What they have to say now. One that does not run left a file.
std::vector<Happened> read_events(EventReader& reader, const char* socket) {
  if (const auto answer = ask(socket, reader.question())) {
    return reader.news(*answer);
  }
  const auto text = lvs::io::read_file(lvs::io::events_file(reader.daemon()), kEventsTextMax);
  const auto log = text ? EventLog::read(*text) : text.error();
  if (!log) {
    complain("events: " + reader.daemon() +
                 " does not answer, and what it left cannot be read: " + log.error().what,
             kBad);
    return {};
  }
  return reader.all_of(*log);
}

int run_events(const Arguments& arguments) {
  std::pair<EventReader, const char*> daemons[] = {{EventReader("pulse"), kPulse},
                                                   {EventReader("lvsd"), kLvsd}};
  const Format format = arguments.json ? Format::json : Format::text;
  std::vector<Happened> all;
  for (auto& [reader, socket] : daemons) {
    auto events = read_events(reader, socket);
    std::move(events.begin(), events.end(), std::back_inserter(all));
  }
  print(events_text(std::move(all), format));
  while (arguments.follow && std::fflush(stdout) == 0) {
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

int tell_pulse(const char* what) {
  const auto reply = ask(kPulse, {{"do", what}, {"by", operator_name()}});
  if (!reply) {
    return complain(std::string(what) + ": pulse: " + reply.error().what,
                    means_not_running(reply.error()) ? kNotRunning : kBad);
  }
  print(std::string(reply->at("text").as_string()) + "\n");
  return kGood;
}

int run_hold(const Arguments&) {
  return tell_pulse("hold");
}

int run_release(const Arguments&) {
  return tell_pulse("release");
}

// Whole seconds; nothing where it is none.
std::optional<Duration> seconds_in(const std::string& text) {
  int number = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool is_whole = error == std::errc{} && rest == text.data() + text.size();
  return is_whole && number > 0 && number <= kDeadlineMaxS
             ? std::optional<Duration>(std::chrono::seconds{number})
             : std::nullopt;
}

int run_key(const Arguments& arguments) {
  const auto made =
      make_key(arguments.files.empty() ? std::nullopt : std::optional(arguments.files.front()),
               arguments.force ? lvs::io::Existing::replace : lvs::io::Existing::keep, kConfigFile);
  if (!made) {
    return complain(made.error().what, kBad);
  }
  print(*made);
  return kGood;
}

struct Command {
  const char* name;
  bool takes_strict, takes_json, takes_force, takes_files, takes_deadline, takes_follow;
  int (*run)(const Arguments&);
};
constexpr Command kCommands[] = {
    {"check", true, true, false, true, false, false, run_check},
    {"status", false, true, false, false, false, false, run_status},
    {"plan", false, true, false, false, false, false, run_plan},
    {"key", false, false, true, true, false, false, run_key},
    {"switchover", false, false, false, false, true, false, run_switchover},
    {"events", false, true, false, false, false, true, run_events},
    {"hold", false, false, false, false, false, false, run_hold},
    {"release", false, false, false, false, false, false, run_release}};

}  // namespace

int run(const std::vector<std::string>& words) {
  Arguments arguments;
  std::string unknown;
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (word == "--help" || word == "-h") {
      print(kHelp);
      return kGood;
    }
    if (word == "--version") {
      print(lvs::io::version_line("lvsctl") + "\n");
      return kGood;
    }
    if (word == "--strict") {
      arguments.strict = true;
    } else if (word == "--json") {
      arguments.json = true;
    } else if (word == "--force") {
      arguments.force = true;
    } else if (word == "--follow") {
      arguments.follow = true;
    } else if (word == "--deadline") {
      const auto deadline = seconds_in(i + 1 < words.size() ? words[++i] : "");
      if (!deadline) {
        return complain("--deadline: expected seconds, 1 to " + std::to_string(kDeadlineMaxS),
                        kUsage);
      }
      arguments.deadline = *deadline;
      arguments.has_deadline = true;
    } else if (word.starts_with('-') && word.size() > 1) {
      unknown = word;
    } else if (arguments.command.empty()) {
      arguments.command = word;
    } else {
      arguments.files.push_back(word);
    }
  }
  const auto* command = std::find_if(std::begin(kCommands), std::end(kCommands),
                                     [&](const Command& c) { return c.name == arguments.command; });
  if (command == std::end(kCommands)) {
    return complain(
        "expected a command: check, status, plan, key, switchover, events, hold or release (see "
        "--help)",
        kUsage);
  }
  if (!unknown.empty() || (arguments.strict && !command->takes_strict) ||
      (arguments.json && !command->takes_json) || (arguments.force && !command->takes_force) ||
      (arguments.follow && !command->takes_follow) ||
      (arguments.has_deadline && !command->takes_deadline)) {
    return complain(arguments.command + ": unknown option" +
                        (unknown.empty() ? "" : " " + unknown) + " (see --help)",
                    kUsage);
  }
  if (arguments.files.size() > (command->takes_files ? 1U : 0U)) {
    return complain(arguments.command + ": unexpected " + arguments.files.back(), kUsage);
  }
  return command->run(arguments);
}

}  // namespace lvs::lvsctl

int main(int argc, char** argv) {
  return lvs::lvsctl::run(std::vector<std::string>(argv + 1, argv + argc));
}
