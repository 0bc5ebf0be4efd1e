// nanny by hand as a whole: one real server on loopback, and a core at the table's end that notes
// what it is asked. Runs in a network namespace of its own, since there is one core's socket in
// each.
#include <gmock/gmock.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>

#include <deque>
#include <iterator>

#include "common/ipvs/io/server.h"
#include "nanny/io/endpoint.h"
#include "tests/io/nanny/loop.h"
#include "tests/io/nanny/process.h"

namespace lvs::nanny {
namespace {

using io::TcpServer;
using testing::ElementsAre;
using testing::HasSubstr;

bool enter_own_network() {
  if (::unshare(CLONE_NEWNET) != 0) {
    return false;
  }
  const lvs::io::UniqueFd any{::socket(AF_INET, SOCK_DGRAM, 0)};
  ifreq lo{};
  std::snprintf(lo.ifr_name, sizeof lo.ifr_name, "lo");
  lo.ifr_flags = IFF_UP;
  return ::ioctl(any.get(), SIOCSIFFLAGS, &lo) == 0;
}

class ByHand : public testing::Test {
 protected:
  void SetUp() override {
    if (!enter_own_network()) {
      GTEST_SKIP() << "a network namespace of its own needs root";
    }
    server_.emplace(loop_, io::hang_up);
    place_ = server_->place();
  }

  void serve_table() {
    auto core = ipvs::io::Server::listen(
        loop_, [this](const ipvs::Request& request) -> Result<ipvs::Reply> {
          asked_.push_back(describe(request));
          if (refusals_.empty()) {
            return ipvs::Reply{ipvs::Ack{}};
          }
          const int code = refusals_.front();
          refusals_.pop_front();
          return Error{code, "refused by the test"};
        });
    ASSERT_TRUE(core) << core.error().what;
    core_ = std::move(core).value();
  }

  void start(std::vector<std::string> more, const std::string& life = "--nodaemon") {
    std::vector<std::string> words{
        life, "-h", "127.0.0.1", "-V", "192.0.2.1", "-p", "25", "-r", std::to_string(place_.port),
        "-t", "1",  "-a",        "1",  "-w",        "5"};
    words.insert(words.end(), std::make_move_iterator(more.begin()),
                 std::make_move_iterator(more.end()));
    run(words);
  }

  void run(const std::vector<std::string>& words) {
    int pipe[2];
    ASSERT_EQ(::pipe2(pipe, O_CLOEXEC | O_NONBLOCK), 0);
    log_ = lvs::io::UniqueFd{pipe[0]};
    const lvs::io::UniqueFd writer{pipe[1]};
    nanny_.emplace(words, [&] { ::dup2(writer.get(), STDERR_FILENO); });
  }

  bool until(const std::function<bool()>& so) {
    return io::run_until(loop_, [&] {
      std::array<char, 4096> text;
      for (ssize_t bytes; (bytes = ::read(log_.get(), text.data(), text.size())) > 0;) {
        said_.append(text.data(), static_cast<size_t>(bytes));
      }
      return so();
    });
  }
  bool until_said(const std::string& words) {
    const bool found = until([&] { return said_.find(words) != std::string::npos; });
    EXPECT_TRUE(found) << "no \"" << words << "\" in:\n" << said_;
    return found;
  }
  bool until_asked(size_t count) {
    return until([&] { return asked_.size() >= count; });
  }

  // The core must be served while nanny takes its entry away.
  int stop() {
    nanny_->signal(SIGTERM);
    until([&] { return nanny_->status("State").starts_with("Z"); });
    return nanny_->wait();
  }

  static std::string describe(const ipvs::Request& request) {
    if (const auto* add = std::get_if<ipvs::NewDest>(&request)) {
      return "add " + ipvs::to_string(add->service) + " weight " + std::to_string(add->dest.weight);
    }
    if (const auto* edit = std::get_if<ipvs::SetDest>(&request)) {
      return "edit " + ipvs::to_string(edit->service) + " weight " +
             std::to_string(edit->dest.weight);
    }
    if (const auto* removal = std::get_if<ipvs::DelDest>(&request)) {
      return "delete " + ipvs::to_string(removal->service);
    }
    return ipvs::to_string(request);
  }

  boost::asio::io_context loop_;
  std::optional<TcpServer> server_;
  Endpoint place_;
  std::unique_ptr<ipvs::io::Server> core_;
  std::vector<std::string> asked_;
  std::deque<int> refusals_;
  std::optional<NannyProcess> nanny_;
  lvs::io::UniqueFd log_;
  std::string said_;
};

TEST_F(ByHand, TheEntryFollowsTheServer) {
  serve_table();
  start({});
  EXPECT_TRUE(until_said("starting LVS client monitor for 192.0.2.1:25 -> " + to_string(place_)));
  EXPECT_TRUE(until_said("[ active ] making " + to_string(place_) + " available"));
  server_.reset();
  EXPECT_TRUE(
      until_said("[inactive] shutting down " + to_string(place_) + " due to connection failure"));
  boost::asio::ip::tcp::acceptor back(loop_, io::to_asio<boost::asio::ip::tcp>(place_));
  EXPECT_TRUE(until_asked(3));
  EXPECT_EQ(stop(), EXIT_SUCCESS);
  EXPECT_THAT(said_, HasSubstr("Terminating due to signal 15"));
  EXPECT_THAT(asked_, ElementsAre("add TCP 192.0.2.1:25 weight 5", "delete TCP 192.0.2.1:25",
                                  "add TCP 192.0.2.1:25 weight 5", "delete TCP 192.0.2.1:25"));
}

TEST_F(ByHand, AProgramIsRunAsWhoRunsNanny) {
  start({"--norun", "-e", "echo %h", "-x", "OK"});
  EXPECT_TRUE(until_said("script: answer is not what was expected: "));
  EXPECT_TRUE(until_said("127.0.0.1"));
}

TEST_F(ByHand, QuiescedInsteadOfDeletedAndKeyedByItsMark) {
  serve_table();
  start({"-q", "-f", "80"});
  EXPECT_TRUE(until_asked(1));
  server_.reset();
  EXPECT_TRUE(until_asked(2));
  EXPECT_THAT(asked_, ElementsAre("add FWM 80 weight 5", "edit FWM 80 weight 0"));
}

TEST_F(ByHand, SignalsHoldTheServerDownAndUpAndLetGo) {
  serve_table();
  start({});
  EXPECT_TRUE(until_asked(1));
  nanny_->signal(SIGUSR1);
  EXPECT_TRUE(until_said("opaque glasses on"));
  EXPECT_TRUE(until_asked(2));
  nanny_->signal(SIGUSR2);
  EXPECT_TRUE(until_said("rose-colored glasses on"));
  EXPECT_TRUE(until_asked(3));
  server_.reset();
  nanny_->signal(SIGHUP);
  EXPECT_TRUE(until_said("removing glasses"));
  EXPECT_TRUE(until_asked(4));
  EXPECT_THAT(asked_, ElementsAre("add TCP 192.0.2.1:25 weight 5", "delete TCP 192.0.2.1:25",
                                  "add TCP 192.0.2.1:25 weight 5", "delete TCP 192.0.2.1:25"));
}

TEST_F(ByHand, AnEntryThatIsThereAlreadyIsEdited) {
  serve_table();
  refusals_ = {EEXIST};
  start({});
  EXPECT_TRUE(until_asked(2));
  EXPECT_THAT(asked_,
              ElementsAre("add TCP 192.0.2.1:25 weight 5", "edit TCP 192.0.2.1:25 weight 5"));
}

TEST_F(ByHand, ARefusalIsLoggedAndTriedAgain) {
  serve_table();
  refusals_ = {ESRCH};
  start({});
  EXPECT_TRUE(until_said("/sbin/ipvsadm command failed!"));
  EXPECT_TRUE(until_asked(2));
  EXPECT_THAT(asked_,
              ElementsAre("add TCP 192.0.2.1:25 weight 5", "add TCP 192.0.2.1:25 weight 5"));
}

TEST_F(ByHand, AnEntryThatCannotBeRemovedIsAnExitStatus) {
  serve_table();
  start({});
  EXPECT_TRUE(until_asked(1));
  refusals_ = {EPERM};
  EXPECT_EQ(stop(), EXIT_FAILURE);
}

TEST_F(ByHand, WithoutAnyCoreItSaysSoAndGoesOn) {
  start({});
  EXPECT_TRUE(until_said("event=table-refused"));
  EXPECT_EQ(stop(), EXIT_SUCCESS);
}

TEST_F(ByHand, NorunOnlyWatches) {
  serve_table();
  start({"--norun"});
  EXPECT_TRUE(until_said("[ active ] making"));
  EXPECT_EQ(stop(), EXIT_SUCCESS);
  EXPECT_THAT(asked_, testing::IsEmpty());
}

TEST_F(ByHand, AFailoverServiceThatIsLostEndsIt) {
  start({"--fos"});
  EXPECT_TRUE(until_said("[ active ] making"));
  server_.reset();
  EXPECT_TRUE(until_said("Exiting due to connection failure"));
  EXPECT_EQ(nanny_->wait(), EXIT_SUCCESS);
}

TEST_F(ByHand, AFailoverServiceNeverSeenEndsItToo) {
  server_.reset();
  start({"--fos"});
  EXPECT_TRUE(until_said("Timeout waiting for remote service -- triggering failover!"));
  EXPECT_EQ(nanny_->wait(), EXIT_FAILURE);
}

TEST_F(ByHand, WrongOptionsAreRefusedWithAHint) {
  run({"-h", "10.0.0.2", "--frob"});
  EXPECT_TRUE(until_said("nanny: --frob: unknown option (nanny --help lists the options)"));
  EXPECT_EQ(nanny_->wait(), EXIT_FAILURE);
}

TEST_F(ByHand, GoesToTheBackgroundOnceItWorks) {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  serve_table();
  start({}, "--lvs");
  EXPECT_EQ(nanny_->wait(), EXIT_SUCCESS);
  EXPECT_TRUE(until_asked(1));
  std::ifstream children("/proc/self/task/" + std::to_string(::getpid()) + "/children");
  pid_t daemon = 0;
  ASSERT_TRUE(children >> daemon);
  EXPECT_EQ(::getsid(daemon) == ::getsid(0), false);
  ::kill(daemon, SIGTERM);
  EXPECT_TRUE(until_asked(2));
  int status = -1;
  EXPECT_TRUE(until([&] { return ::waitpid(daemon, &status, WNOHANG) == daemon; }));
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace lvs::nanny
