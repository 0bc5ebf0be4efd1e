// active_cmd and inactive_cmd, really run: their order, their time limit and what is told of them.
#include <gmock/gmock.h>

#include <boost/asio/io_context.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "common/io/log_sink.h"
#include "pulse/io/command.h"

namespace lvs::pulse {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class CommandsTest : public ::testing::Test {
 protected:
  CommandsTest() {
    char name[] = "/tmp/commands-XXXXXX";
    folder_ = ::mkdtemp(name);
    io::hear_log([this](const LogEvent& event) { log_ += to_line(event) + "\n"; });
  }
  ~CommandsTest() override {
    io::hear_log(nullptr);
    std::filesystem::remove_all(folder_);
  }

  // A script that is told what it is called by.
  std::string script(const std::string& lines) {
    const std::string path = folder_ + "/script" + std::to_string(++scripts_);
    std::ofstream(path) << "#!/bin/sh\n" << lines << "\n";
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
    return path;
  }
  std::string note(const std::string& word) { return "echo " + word + " >>" + folder_ + "/notes"; }
  std::string notes() const {
    std::stringstream text;
    text << std::ifstream(folder_ + "/notes").rdbuf();
    return text.str();
  }

  boost::asio::io_context io_;
  Commands commands_{io_};
  std::string folder_;
  std::string log_;
  int scripts_ = 0;
};

TEST_F(CommandsTest, TheLaterOneBeginsWhenTheEarlierHasEnded) {
  const std::string go = folder_ + "/go";
  commands_.run(script(note("active") + "\nwhile ! test -e " + go + "; do sleep 0.01; done\n" +
                       note("ended")),
                60s);
  commands_.run(script(note("inactive") + "\ntouch " + folder_ + "/done"), 60s);
  while (notes().empty()) {
    io_.poll();
  }
  for (int i = 0; i < 1000; ++i) {
    io_.poll();
  }
  EXPECT_EQ(notes(), "active\n");
  EXPECT_THAT(log_, HasSubstr("event=command-waits"));
  std::ofstream{go};
  io_.run();
  EXPECT_EQ(notes(), "active\nended\ninactive\n");
  EXPECT_THAT(log_, Not(HasSubstr("command-failed")));
}

TEST_F(CommandsTest, OneThatTakesTooLongIsKilledWithWhatItStartedAndTheNextBegins) {
  commands_.run(script("echo still waiting\nsleep 1000 & wait"), 100ms);
  commands_.run(script(note("next")), 60s);
  io_.run();
  EXPECT_EQ(notes(), "next\n");
  EXPECT_THAT(log_, HasSubstr("event=command-failed"));
  EXPECT_THAT(log_, HasSubstr("longer than it may"));
  EXPECT_THAT(log_, HasSubstr("output=\"still waiting\""));
}

TEST_F(CommandsTest, AFailureIsToldWithStatusAndFirstLine) {
  commands_.run(script("echo the switch is away >&2\necho more\nexit 3"), 60s);
  commands_.run(script("kill -TERM $$"), 60s);
  commands_.run("/usr/bin/no-such-program", 60s);
  io_.run();
  EXPECT_THAT(log_, HasSubstr("error=\"exit status 3\" output=\"the switch is away\""));
  EXPECT_THAT(log_, HasSubstr("killed by signal 15"));
  EXPECT_THAT(log_, HasSubstr("could not be executed"));
}

TEST_F(CommandsTest, MuchOutputHoldsNothingUp) {
  commands_.run(script("yes | head -c 300000\n" + note("through")), 60s);
  io_.run();
  EXPECT_EQ(notes(), "through\n");
}

TEST_F(CommandsTest, AtTheEndTheLastOneHasItsTimeBehindOneThatHangs) {
  commands_.run(script("sleep 1000"), 60s);
  commands_.run(script(note("skipped")), 60s);
  commands_.run(script(note("last")), 60s);
  bool is_done = false;
  commands_.finish([&] { is_done = true; });
  io_.run();
  EXPECT_TRUE(is_done);
  EXPECT_EQ(notes(), "last\n");
  EXPECT_THAT(log_, HasSubstr("event=command-dropped"));
}

}  // namespace
}  // namespace lvs::pulse
