// Mark rules with the real iptables, in a network namespace of the test's own.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <filesystem>

#include "common/io/read_file.h"
#include "lvsd/io/command.h"
#include "lvsd/io/mark_rules.h"
#include "lvsd/io/mark_watch.h"
#include "lvsd/marks.h"

namespace lvs::lvsd::io {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class MarkRulesInNamespace : public testing::Test {
 protected:
  void SetUp() override {
    if (::unshare(CLONE_NEWNET) != 0) {
      GTEST_SKIP() << "no network namespace: " << std::strerror(errno);
    }
    folder_ = std::filesystem::temp_directory_path() / ("lvs-marks-" + std::to_string(::getpid()));
    std::filesystem::create_directory(folder_);
    files_ = {folder_ / "rules.v4", folder_ / "rules.v6"};
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  Result<std::string> run(std::vector<std::string> words, std::string input = "") {
    Result<std::string> result = Error{};
    run_command(io_, std::move(words), std::move(input), 60s, [&](auto r) { result = r; });
    io_.run();
    io_.restart();
    return result;
  }

  Result<MarkWarnings> apply(const config::Config& config) {
    Result<MarkWarnings> result = Error{};
    MarkRules rules(io_, files_, [&](const LogEvent& e) { logged_.push_back(e.event); });
    rules.apply(config, [&](auto r) { result = r; });
    io_.run();
    io_.restart();
    return result;
  }

  static config::Config web_and_ftp() {
    config::Config config;
    config::VirtualService web;
    web.name = "web";
    web.active = true;
    web.address = config::FloatingAddress{*Address::parse("192.0.2.10"), "eth0", "eth0:1", {}};
    web.fwmark = 80;
    web.mark_ports = {{"tcp", {{80, 80}, {443, 443}}}, {"udp", {{500, 500}}}, {"esp", {}}};
    config.virtuals = {web, web};
    auto& ftp = config.virtuals.edit(1);
    ftp.name = "ftp";
    ftp.fwmark = 21;
    ftp.mark_ports = {{"tcp", {{21, 21}, {10000, 20000}}}};
    return config;
  }

  boost::asio::io_context io_;
  std::filesystem::path folder_;
  MarkFiles files_;
  std::vector<std::string> logged_;
};

TEST_F(MarkRulesInNamespace, TheKernelHoldsWhatWeAskedForAndASecondTimeChangesNothing) {
  const auto config = web_and_ftp();
  const auto first = apply(config);
  ASSERT_TRUE(first) << first.error().what;
  const auto running = run({"iptables-save", "-t", "mangle"});
  ASSERT_TRUE(running) << running.error().what;
  EXPECT_EQ(restore_script(*running, mark_lines(config, Family::v4)), "") << *running;
  EXPECT_EQ(analyse_marks(config, *running, ""), MarkAnalysis{});
  EXPECT_THAT(logged_, testing::ElementsAre("marks-applied", "marks-saved"));

  logged_.clear();
  ASSERT_TRUE(apply(config));
  EXPECT_THAT(logged_, IsEmpty());
}

TEST_F(MarkRulesInNamespace, AnAnswerSaysWhatIsOddAboutTheMarksAsTheyAreThen) {
  auto config = web_and_ftp();
  const auto first = apply(config);
  ASSERT_TRUE(first) << first.error().what;
  EXPECT_THAT(*first, IsEmpty()) << "its own rules count as soon as they are set";
  ASSERT_TRUE(run({"iptables", "-t", "mangle", "-F", "LVS"}));
  EXPECT_THAT(*apply(config), IsEmpty()) << "and again after somebody's flush";

  config.virtuals.edit(0).mark_ports.clear();
  EXPECT_THAT(*apply(config), testing::ElementsAre(HasSubstr("web (fwmark 80): no iptables rule")));
  ASSERT_TRUE(
      run({"iptables", "-t", "mangle", "-A", "PREROUTING", "-j", "MARK", "--set-mark", "80"}));
  ASSERT_TRUE(
      run({"iptables", "-t", "mangle", "-A", "PREROUTING", "-j", "MARK", "--set-mark", "7"}));
  EXPECT_THAT(*apply(config),
              testing::ElementsAre(HasSubstr("no active service has the fwmark 7")));
}

TEST_F(MarkRulesInNamespace, TheSavedFileRestoresTheRulesInAnotherNamespace) {
  ASSERT_TRUE(apply(web_and_ftp()));
  const auto saved = lvs::io::read_file(files_.ipv4);
  ASSERT_TRUE(saved);
  ASSERT_EQ(::unshare(CLONE_NEWNET), 0);
  const auto restored = run({"iptables-restore"}, *saved);
  ASSERT_TRUE(restored) << restored.error().what;
  const auto running = run({"iptables-save", "-t", "mangle"});
  EXPECT_EQ(restore_script(*running, mark_lines(web_and_ftp(), Family::v4)), "");
}

TEST_F(MarkRulesInNamespace, ForeignRulesStayInKernelAndFile) {
  const std::string foreign =
      "*mangle\n:PREROUTING ACCEPT [0:0]\n"
      "-A PREROUTING -p tcp -m tcp --dport 8080 -j MARK --set-xmark 0x7/0xffffffff\nCOMMIT\n"
      "*filter\n:INPUT DROP [0:0]\n-A INPUT -s 198.51.100.7/32 -j DROP\nCOMMIT\n";
  ASSERT_TRUE(run({"iptables-restore"}, foreign));
  ASSERT_TRUE(lvs::io::write_file_atomically(files_.ipv4, foreign, 0640));
  const auto before = run({"iptables-save"});

  ASSERT_TRUE(apply(web_and_ftp()));
  EXPECT_THAT(*run({"iptables-save"}), HasSubstr("--dport 8080 -j MARK"));
  EXPECT_EQ(*lvs::io::read_file(files_.ipv4 + ".lvs-old"), foreign);
  struct stat about {};
  ASSERT_EQ(::stat(files_.ipv4.c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 07777, 0640U);

  ASSERT_TRUE(apply(config::Config{}));
  EXPECT_EQ(*lvs::io::read_file(files_.ipv4), foreign);
  const auto without_comments = [](std::string text) {
    std::string kept;
    size_t start = 0;
    for (size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n', start)) {
      kept += text[start] == '#' ? "" : text.substr(start, end + 1 - start);
      start = end + 1;
    }
    return kept;
  };
  EXPECT_EQ(without_comments(*run({"iptables-save"})), without_comments(*before));
}

TEST_F(MarkRulesInNamespace, IPv6MarksGoThroughIp6tables) {
  auto config = web_and_ftp();
  for (size_t i = 0; i < config.virtuals.size(); ++i) {
    config.virtuals.edit(i).address->address = *Address::parse("2001:db8::10");
  }
  ASSERT_TRUE(apply(config));
  const auto running = run({"ip6tables-save", "-t", "mangle"});
  EXPECT_EQ(restore_script(*running, mark_lines(config, Family::v6)), "") << *running;
  EXPECT_FALSE(std::filesystem::exists(files_.ipv4));
}

TEST_F(MarkRulesInNamespace, AFileThatCannotBeWrittenIsSaidAndTheRulesHoldAllTheSame) {
  files_ = {folder_ / "none/such/rules.v4", folder_ / "none/such/rules.v6"};
  const auto result = apply(web_and_ftp());
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().what, HasSubstr("saving firewall marks"));
  EXPECT_THAT(*run({"iptables-save", "-t", "mangle"}), HasSubstr("-A LVS "));
}

TEST_F(MarkRulesInNamespace, ConfigurationsThatComeDuringAnotherAllGetAnAnswer) {
  int answers = 0;
  MarkRules rules(io_, files_, [](const LogEvent&) {});
  for (const auto& config : {web_and_ftp(), config::Config{}, web_and_ftp()}) {
    rules.apply(config, [&](auto result) { answers += result ? 1 : 0; });
  }
  io_.run();
  EXPECT_EQ(answers, 3);
}

TEST_F(MarkRulesInNamespace, WhoTakesSomethingFromTheirTableIsNoticed) {
  ASSERT_TRUE(apply(web_and_ftp()));
  int told = 0;
  MarkWatch watch(io_, [&] { ++told; });
  const auto done_by_others = [&](std::vector<std::string> words) {
    const int before = told;
    bool is_done = false;
    run_command(io_, std::move(words), "", 60s, [&](const auto& result) {
      EXPECT_TRUE(result) << result.error().what;
      is_done = true;
    });
    while (!is_done) {
      io_.run_one();
    }
    io_.poll();
    return told > before;
  };
  EXPECT_FALSE(done_by_others({"iptables", "-t", "mangle", "-A", "PREROUTING", "-j", "ACCEPT"}));
  EXPECT_FALSE(done_by_others({"nft", "add", "table", "ip", "mangled"}));
  EXPECT_FALSE(done_by_others({"nft", "delete", "table", "ip", "mangled"}));
  EXPECT_TRUE(done_by_others({"iptables", "-t", "mangle", "-F"}));
  EXPECT_TRUE(done_by_others({"nft", "flush", "ruleset"}));
}

class Command : public MarkRulesInNamespace {};

TEST_F(Command, AProgramThatDoesNotExistIsSaid) {
  const auto result = run({"/no/such/program"});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ENOENT);
}

TEST_F(Command, AProgramThatFailsSaysWhy) {
  const auto result =
      run({"iptables-restore", "--noflush"}, "*mangle\n-A NOWHERE -j LVS\nCOMMIT\n");
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().what, HasSubstr("iptables-restore: exit status"));
  EXPECT_THAT(result.error().what, HasSubstr("line"));
}

TEST_F(Command, AProgramThatHangsIsKilledAtItsLimit) {
  Result<std::string> result = Error{};
  run_command(io_, {"cat", "/dev/zero"}, "", 10s, [&](auto r) { result = r; });
  io_.run();
  ASSERT_FALSE(result);

  io_.restart();
  run_command(io_, {"tail", "-f", "/dev/null"}, "", 50ms, [&](auto r) { result = r; });
  io_.run();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ETIMEDOUT);
}

TEST_F(Command, MoreInputThanAPipeHoldsGoesThrough) {
  const std::string much(1 << 20, 'x');
  const auto result = run({"cat"}, much);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->size(), much.size());
}

}  // namespace
}  // namespace lvs::lvsd::io
