#include "nanny/io/probe_script.h"

#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "tests/io/nanny/loop.h"

namespace lvs::nanny::io {
namespace {

using namespace std::chrono_literals;

class ProbeScript : public testing::Test {
 protected:
  ProbeScript() {
    std::string name = (std::filesystem::temp_directory_path() / "nanny-script-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
  }
  ~ProbeScript() override { std::filesystem::remove_all(folder_); }

  std::string script(const std::string& body) {
    const std::filesystem::path path = folder_ / "check";
    std::ofstream(path) << "#!/bin/sh\n" << body << "\n";
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
    return path.string();
  }

  ProbeResult run(const std::string& command, const std::string& expect = "",
                  Duration timeout = 10s) {
    std::optional<ProbeResult> told;
    const auto probe =
        probe_script(loop_, {*Address::parse("10.0.0.2"), 80}, {command, expect, false}, timeout,
                     [&](ProbeResult result) { told = std::move(result); });
    EXPECT_TRUE(run_until(loop_, [&] { return told.has_value(); }));
    return told.value_or(ProbeResult{});
  }

  // The process that a script left its number of: gone, or dead and waiting for its parent.
  bool is_dead(const std::string& file) {
    std::string pid;
    std::ifstream(folder_ / file) >> pid;
    std::ifstream stat("/proc/" + pid + "/stat");
    std::string number, name, state;
    stat >> number >> name >> state;
    return !pid.empty() && (state.empty() || state == "Z" || state == "X");
  }

  boost::asio::io_context loop_;
  std::filesystem::path folder_;
};

TEST_F(ProbeScript, ExitStatusZeroWorks) {
  EXPECT_EQ(run("true").outcome, Outcome::works);
}

TEST_F(ProbeScript, AnotherExitStatusFails) {
  EXPECT_EQ(run(script("exit 3")), fails("script: exit status 3"));
}

TEST_F(ProbeScript, ADeathBySignalFails) {
  EXPECT_EQ(run(script("kill -SEGV $$")), fails("script: killed by signal 11"));
}

TEST_F(ProbeScript, AddressAndPortAreHandedOverAndTheOutputIsCompared) {
  EXPECT_EQ(run(script("echo \"$1/$2\"") + " %h %p", "10.0.0.2/80"),
            works("script: output matched"));
  EXPECT_EQ(run("echo NO", "OK").outcome, Outcome::fails);
}

TEST_F(ProbeScript, AMissingProgramFailsWithItsName) {
  EXPECT_EQ(run("/nowhere/check"), fails("script: /nowhere/check: No such file or directory"));
}

TEST_F(ProbeScript, AtTheDeadlineTheWholeGroupIsKilled) {
  const std::string command =
      script("sleep 1000 & echo $! > " + (folder_ / "pid").string() + "; wait");
  EXPECT_EQ(run(command, "", 3s), fails("script: timed out"));
  EXPECT_TRUE(run_until(loop_, [&] { return is_dead("pid"); }));
}

TEST_F(ProbeScript, AChildLeftInTheBackgroundNeitherDelaysNorSurvives) {
  const std::string command =
      script("sleep 1000 & echo $! > " + (folder_ / "pid").string() + "; echo OK");
  EXPECT_EQ(run(command, "OK"), works("script: output matched"));
  EXPECT_TRUE(run_until(loop_, [&] { return is_dead("pid"); }));
}

TEST_F(ProbeScript, ACancelledScriptIsKilledAndSaysNothing) {
  const std::string command =
      script("echo $$ > " + (folder_ / "pid").string() + "; exec sleep 1000");
  bool told = false;
  auto probe = probe_script(loop_, loopback(80), {command, "", false}, 100s,
                            [&](const ProbeResult&) { told = true; });
  EXPECT_TRUE(run_until(loop_, [&] { return std::filesystem::exists(folder_ / "pid"); }));
  probe.reset();
  EXPECT_TRUE(run_until(loop_, [&] { return is_dead("pid"); }));
  EXPECT_FALSE(told);
}

TEST_F(ProbeScript, MoreOutputThanAPipeHoldsDoesNotBlockIt) {
  EXPECT_EQ(run("head -c 1000000 /dev/zero").outcome, Outcome::works);
}

TEST_F(ProbeScript, NoDescriptorIsInherited) {
  TcpServer open(loop_, stall);
  EXPECT_EQ(run(script("exec ls /proc/self/fd"), "0\n1\n2\n3"), works("script: output matched"));
}

TEST_F(ProbeScript, SignalsThatNannyIgnoresAreNotIgnoredByIt) {
  const auto before = std::signal(SIGPIPE, SIG_IGN);
  EXPECT_EQ(run(script("kill -PIPE $$")), fails("script: killed by signal 13"));
  std::signal(SIGPIPE, before);
}

}  // namespace
}  // namespace lvs::nanny::io
