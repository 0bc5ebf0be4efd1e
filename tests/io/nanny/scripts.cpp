// Check scripts as nanny has them run: real scripts, the real runner, a socket between.
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "common/io/spawn.h"
#include "common/monitor_codec.h"
#include "nanny/io/script_runner.h"
#include "tests/io/nanny/loop.h"

namespace lvs::nanny::io {
namespace {

using namespace std::chrono_literals;
using lvs::io::UniqueFd;
using testing::HasSubstr;
using testing::StartsWith;
namespace fs = std::filesystem;

const Endpoint kTarget{*Address::parse("10.0.0.2"), 80};
constexpr const char* kOther = "nobody";  // A user that every machine has.

std::string stat_of(const std::string& pid) {
  std::string text;
  std::getline(std::ifstream("/proc/" + pid + "/stat"), text);
  return text;
}

// Gone, or dead and waiting for its parent.
bool is_dead(const std::string& pid) {
  const std::string stat = stat_of(pid);
  const size_t name_end = stat.rfind(')');
  return name_end == std::string::npos || stat[name_end + 2] == 'Z' || stat[name_end + 2] == 'X';
}

class Scripts : public testing::Test {
 protected:
  Scripts() {
    std::string name = (fs::temp_directory_path() / "nanny-script-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
    fs::permissions(folder_, fs::perms::all);
  }
  ~Scripts() override {
    end_runner(SIGKILL);
    fs::remove_all(folder_);
  }

  Result<UniqueFd> start_runner() {
    auto orders = lvs::io::packet_pair();
    auto requests = lvs::io::packet_pair();
    auto process = lvs::io::start_helper(
        {RUNNER_BINARY, {"nanny-runner"}, {orders->second.get(), requests->second.get()}, {}});
    if (!process) {
      return process.error();
    }
    runner_ = std::move(*process);
    orders_ = std::move(orders->first);
    return std::move(requests->first);
  }

  void end_runner(int signal) {
    if (runner_.pid > 0) {
      ::kill(runner_.pid, signal);
      ::waitpid(runner_.pid, nullptr, 0);
      runner_.pid = -1;
    }
  }

  std::string script(const std::string& body, const std::string& first_line = "#!/bin/sh") {
    const fs::path path = folder_ / ("check-" + std::to_string(++files_));
    std::ofstream(path) << first_line << "\n" << body << "\n";
    fs::permissions(path, fs::perms::owner_all | fs::perms::group_read | fs::perms::group_exec |
                              fs::perms::others_read | fs::perms::others_exec);
    return path.string();
  }

  std::unique_ptr<Probe> begin(const config::ScriptCheck& check, Duration timeout, Tell tell) {
    if (runner_.pid <= 0) {
      scripts_ = std::make_unique<ScriptRunner>(
          loop_, [this, fd = std::make_shared<UniqueFd>(start_runner().value())] {
            return fd->get() >= 0 ? Result<UniqueFd>(std::move(*fd)) : Error{EPIPE, "ended"};
          });
    }
    Monitor monitor;
    monitor.target = kTarget;
    monitor.check = check;
    monitor.timeout = timeout;
    monitor.interval = 1s;
    const MonitorId id = ++monitors_;
    const std::string packet = lvs::encode(MonitorOrder{SetMonitor{id, monitor}});
    ::send(orders_.get(), packet.data(), packet.size(), MSG_NOSIGNAL);
    return scripts_->probe(id, kTarget, check, std::move(tell));
  }

  ProbeResult run(const config::ScriptCheck& check, Duration timeout = 60s) {
    std::optional<ProbeResult> told;
    const auto probe = begin(check, timeout, [&](ProbeResult result) { told = std::move(result); });
    EXPECT_TRUE(run_until(loop_, [&] { return told.has_value(); }));
    return told.value_or(ProbeResult{});
  }
  ProbeResult run(const std::string& command, const std::string& expect = "",
                  Duration timeout = 60s) {
    return run({command, expect, false, ""}, timeout);
  }
  ProbeResult run_as(const std::string& user, const std::string& command,
                     const std::string& expect = "") {
    return run({command, expect, false, user});
  }

  // The number of the process that a script has written into a file.
  std::string pid_in(const std::string& file) {
    std::string pid;
    EXPECT_TRUE(run_until(loop_, [&] {
      std::getline(std::ifstream(folder_ / file), pid);
      return !pid.empty();
    }));
    return pid;
  }
  void expect_dead(const std::string& file) {
    const std::string pid = pid_in(file);
    EXPECT_TRUE(run_until(loop_, [&] { return is_dead(pid); })) << file;
  }
  std::string at(const std::string& file) const { return (folder_ / file).string(); }

  // Says its number, then lives for long.
  std::string sleeper(const std::string& file) const {
    return "sh -c 'echo $$ > " + at(file) + "; exec sleep 1000'";
  }

  bool root_or_skip() { return ::geteuid() == 0; }

  size_t descriptors_of_runner() const {
    const fs::path folder = "/proc/" + std::to_string(runner_.pid) + "/fd";
    return static_cast<size_t>(
        std::distance(fs::directory_iterator(folder), fs::directory_iterator{}));
  }
  size_t children_of_runner() const {
    size_t count = 0;
    for (const auto& entry : fs::directory_iterator("/proc")) {
      const std::string stat = stat_of(entry.path().filename().string());
      const size_t name_end = stat.rfind(')');
      count +=
          name_end != std::string::npos && std::atoi(stat.c_str() + name_end + 4) == runner_.pid
              ? 1
              : 0;
    }
    return count;
  }

  boost::asio::io_context loop_;
  fs::path folder_;
  lvs::io::HelperProcess runner_;
  UniqueFd orders_;
  std::unique_ptr<ScriptRunner> scripts_;
  MonitorId monitors_ = 0;
  int files_ = 0;
};

TEST_F(Scripts, ExitStatusZeroWorks) {
  EXPECT_EQ(run("true"), works("script: exit status 0"));
}

TEST_F(Scripts, AnotherExitStatusFailsWithWhatWasSaid) {
  EXPECT_EQ(run(script("exit 3")), fails("script: exit status 3"));
  EXPECT_EQ(run(script("echo no route; exit 1")),
            fails("script: exit status 1, said \"no route\""));
  EXPECT_EQ(run(script("echo x; printf 'ping: \\351\\033[1m\\nmore' >&2; exit 2")),
            fails("script: exit status 2, said \"ping: \\xe9\\x1b[1m\""));
}

TEST_F(Scripts, ADeathBySignalFails) {
  EXPECT_EQ(run(script("kill -SEGV $$")), fails("script: killed by signal 11"));
}

TEST_F(Scripts, AddressAndPortAreHandedOverAndTheOutputIsCompared) {
  EXPECT_EQ(run(script("echo \"$1/$2\"") + " %h %p", "10.0.0.2/80"),
            works("script: output matched"));
  const ProbeResult other = run("echo FAIL", "OK");
  EXPECT_EQ(other.outcome, Outcome::fails);
  EXPECT_EQ(other.reason, "script: answer is not what was expected: \"FAIL\\n\"");
}

TEST_F(Scripts, AScriptWithoutAFirstLineForTheKernelIsTheShells) {
  EXPECT_EQ(
      run(script("[ -n \"$1\" ] && [ -n \"$2\" ] && echo OK", "####################") + " %h %p",
          "OK"),
      works("script: output matched"));
}

ProbeResult undecided(std::string reason) {
  return {Outcome::undecided, std::move(reason), ""};
}

TEST_F(Scripts, WhatCannotBeExecutedSaysNothingAboutTheServer) {
  EXPECT_EQ(run("/nowhere/check"), undecided("script: /nowhere/check: No such file or directory"));
  const std::string orphan = script("", "#!/nowhere/interpreter");
  EXPECT_EQ(run(orphan), undecided("script: " + orphan + ": No such file or directory; the " +
                                   "interpreter of its first line is missing"));
  if (root_or_skip()) {
    const std::string secret = script("echo OK");
    fs::permissions(secret, fs::perms::owner_all);
    EXPECT_EQ(run_as(kOther, secret),
              undecided("script: " + secret +
                        " as user nobody: Permission denied; let this user read "
                        "and execute it, or set script_user"));
    EXPECT_EQ(run_as("root", secret, "OK"), works("script: output matched"));
  }
}

TEST_F(Scripts, AUserThatIsNotThereSaysNothingAboutTheServer) {
  const ProbeResult result = run_as("no-such-user", "true");
  EXPECT_EQ(result.outcome, Outcome::undecided);
  EXPECT_THAT(result.reason, HasSubstr("there is no user no-such-user; create it"));
}

TEST_F(Scripts, AUserHasNoRightsButItsOwn) {
  if (!root_or_skip()) {
    GTEST_SKIP() << "changing the user needs root";
  }
  const std::string rights =
      script("id -un; grep -E '^(NoNewPrivs|CapEff|CapPrm|CapInh)' /proc/self/status");
  EXPECT_EQ(run_as(kOther, rights,
                   "nobody\nCapInh:\t0000000000000000\nCapPrm:\t0000000000000000\n"
                   "CapEff:\t0000000000000000\nNoNewPrivs:\t1"),
            works("script: output matched"));
  const std::string roots = script(
      "id -un; grep -E '^(NoNewPrivs|CapEff|CapBnd)' "
      "/proc/self/status | sort | cut -f2 | uniq -c | wc -l");
  EXPECT_EQ(run_as("root", roots, "root\n2"), works("script: output matched"))
      << "root has what the machine gives it";
}

TEST_F(Scripts, AScriptCannotStopItsRunner) {
  if (!root_or_skip()) {
    GTEST_SKIP() << "changing the user needs root";
  }
  ASSERT_EQ(run("true").outcome, Outcome::works);
  const std::string runner = std::to_string(runner_.pid);
  EXPECT_EQ(run_as(kOther, script("kill -STOP $PPID " + runner + " && echo stopped; true")),
            works("script: exit status 0"));
  EXPECT_EQ(run("true").outcome, Outcome::works);
}

TEST_F(Scripts, AtTheDeadlineTheWholeGroupIsKilled) {
  const std::string command = script(sleeper("pid") + " & wait");
  EXPECT_EQ(run(command, "", 3s), fails("script: timed out"));
  expect_dead("pid");
}

TEST_F(Scripts, ChildrenThatLeaveTheGroupAndLoseTheirParentAreKilled) {
  const std::string command = script("setsid " + sleeper("one") + " &\n" +  // another session
                                     "setsid sh -c 'setsid " + "sleep 1000 & echo $! > " +
                                     at("two") + "' &\n" + "while ! [ -s " + at("one") +
                                     " ] || ! [ -s " + at("two") + " ]; do :; done\n" + "echo OK");
  EXPECT_EQ(run(command, "OK"), works("script: output matched"));
  EXPECT_TRUE(is_dead(pid_in("one"))) << "before the verdict";
  EXPECT_TRUE(is_dead(pid_in("two")));
}

TEST_F(Scripts, AChildLeftInTheBackgroundNeitherDelaysNorSurvives) {
  const std::string command =
      script(sleeper("pid") + " & while ! [ -s " + at("pid") + " ]; do :; done; echo OK");
  EXPECT_EQ(run(command, "OK"), works("script: output matched"));
  expect_dead("pid");
}

TEST_F(Scripts, ACancelledScriptIsKilledAndSaysNothing) {
  std::optional<ProbeResult> told;
  auto probe = begin({script("setsid " + sleeper("pid") + " & wait"), "", false, ""}, 1h,
                     [&](ProbeResult result) { told = std::move(result); });
  pid_in("pid");
  probe.reset();
  expect_dead("pid");
  EXPECT_EQ(run("true").outcome, Outcome::works);
  EXPECT_FALSE(told) << told->reason;
}

TEST_F(Scripts, NoScriptOutlivesItsRunner) {
  std::optional<ProbeResult> told;
  const auto probe = begin({script("setsid " + sleeper("pid") + " & wait"), "", false, ""}, 1h,
                           [&](ProbeResult result) { told = std::move(result); });
  pid_in("pid");
  end_runner(SIGKILL);
  expect_dead("pid");
  EXPECT_TRUE(run_until(loop_, [&] { return told.has_value(); }));
  EXPECT_EQ(told->outcome, Outcome::undecided);
}

TEST_F(Scripts, NoScriptOutlivesItsNanny) {
  auto probe = begin({script("setsid " + sleeper("pid") + " & wait"), "", false, ""}, 1h,
                     [](const ProbeResult&) {});
  pid_in("pid");
  probe.reset();
  scripts_.reset();  // Its end of the socket.
  expect_dead("pid");
  EXPECT_TRUE(run_until(loop_, [&] { return is_dead(std::to_string(runner_.pid)); }));
}

TEST_F(Scripts, NoScriptOutlivesWhoSupervisesIt) {
  std::optional<ProbeResult> told;
  const auto probe =
      begin({script("echo $PPID > " + at("supervisor") + "; setsid " + sleeper("pid") + " & wait"),
             "", false, ""},
            1h, [&](ProbeResult result) { told = std::move(result); });
  const std::string pid = pid_in("pid");
  ::kill(std::atoi(pid_in("supervisor").c_str()), SIGKILL);
  expect_dead("pid");
  EXPECT_TRUE(run_until(loop_, [&] { return told.has_value(); }));
  EXPECT_EQ(told->reason, "script: what supervised it was killed");
  EXPECT_EQ(told->outcome, Outcome::undecided);
}

TEST_F(Scripts, MoreOutputThanAPipeHoldsDoesNotBlockIt) {
  EXPECT_EQ(run("head -c 1000000 /dev/zero").outcome, Outcome::works);
}

TEST_F(Scripts, OutputWithoutEndEndsIt) {
  EXPECT_EQ(run("yes", "", 1h), fails("script: printed more than 1048576 bytes"));
  EXPECT_EQ(run(script("exec yes >&2"), "", 1h).outcome, Outcome::fails);
}

TEST_F(Scripts, AMultitudeOfProcessesIsRefusedByTheKernelAndCleanedUp) {
  if (!root_or_skip()) {
    GTEST_SKIP() << "changing the user needs root";
  }
  const std::string many =
      script("i=0; while [ $i -lt 1000 ]; do setsid sleep 1000 & i=$((i+1)); done");
  const ProbeResult result = run_as(kOther, many);
  EXPECT_EQ(result.outcome, Outcome::fails);
  EXPECT_THAT(result.reason, HasSubstr("fork"));
  EXPECT_TRUE(run_until(loop_, [&] { return children_of_runner() == 0; }));
}

TEST_F(Scripts, NoDescriptorIsInherited) {
  TcpServer open(loop_, stall);
  EXPECT_EQ(run(script("exec ls /proc/self/fd"), "0\n1\n2\n3"), works("script: output matched"));
}

TEST_F(Scripts, TheEnvironmentIsPathAndLanguage) {
  ::setenv("http_proxy", "http://192.0.2.9", 1);
  EXPECT_EQ(run("env", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\nLANG=C"),
            works("script: output matched"));
  ::unsetenv("http_proxy");
}

TEST_F(Scripts, SignalsThatAreIgnoredOrBlockedHereAreNotSoInIt) {
  const auto before = std::signal(SIGPIPE, SIG_IGN);
  EXPECT_EQ(run(script("kill -PIPE $$")), fails("script: killed by signal 13"));
  EXPECT_EQ(run(script("kill -TERM $$")), fails("script: killed by signal 15"));
  std::signal(SIGPIPE, before);
}

// LVS_SCRIPT_RUNS in the environment asks for more.
TEST_F(Scripts, ManyRunsLeaveNeitherZombiesNorDescriptors) {
  const char* wanted = std::getenv("LVS_SCRIPT_RUNS");
  const int runs = wanted == nullptr ? 200 : std::atoi(wanted);
  const std::string ends_well = script("setsid sleep 1000 & echo OK");
  ASSERT_EQ(run(ends_well, "OK").outcome, Outcome::works);
  ASSERT_TRUE(run_until(loop_, [&] { return children_of_runner() == 0; }));
  const size_t descriptors = descriptors_of_runner();
  for (int i = 0; i < runs; ++i) {
    ASSERT_EQ(run(i % 2 == 0 ? "true" : ends_well).outcome, Outcome::works);
  }
  EXPECT_TRUE(run_until(loop_, [&] { return children_of_runner() == 0; }));
  EXPECT_EQ(descriptors_of_runner(), descriptors);
}

}  // namespace
}  // namespace lvs::nanny::io
