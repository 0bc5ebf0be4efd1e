// nanny --lvsd as a whole: a process without privileges, orders and verdicts over a socket pair,
// real TCP servers.
#include <gmock/gmock.h>

#include <cstdlib>
#include <map>
#include <set>

#include "common/monitor_codec.h"
#include "nanny/io/endpoint.h"
#include "tests/io/nanny/loop.h"
#include "tests/io/nanny/process.h"

namespace lvs::nanny {
namespace {

using namespace std::chrono_literals;
using io::TcpServer;

class ForLvsd : public testing::Test {
 protected:
  void start(rlim_t descriptors = 0) {
    int pair[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    ours_ = lvs::io::UniqueFd{pair[0]};
    const lvs::io::UniqueFd theirs{pair[1]};
    nanny_.emplace(std::vector<std::string>{"--lvsd", "--nodaemon"}, [&] {
      ::dup2(theirs.get(), 3);
      ::dup2(::open("/dev/null", O_WRONLY), STDERR_FILENO);
      if (descriptors != 0) {
        const rlimit limit{64, descriptors};
        ::setrlimit(RLIMIT_NOFILE, &limit);
      }
      drop_privileges();
    });
  }

  void order(const MonitorOrder& what) {
    const std::string packet = encode(what);
    ASSERT_EQ(::send(ours_.get(), packet.data(), packet.size(), 0),
              static_cast<ssize_t>(packet.size()));
  }

  void watch(MonitorId id, const Endpoint& target, Duration interval = 20ms, int rise = 1,
             int fall = 1) {
    Monitor monitor;
    monitor.target = target;
    monitor.interval = interval;
    monitor.timeout = 5s;
    monitor.rise = rise;
    monitor.fall = fall;
    order(SetMonitor{id, monitor});
  }

  // The next answer, while the servers of this test go on serving.
  std::optional<MonitorAnswer> answer() {
    std::array<char, kMonitorPacketMax> packet;
    ssize_t bytes = -1;
    io::run_until(loop_, [&] {
      bytes = ::recv(ours_.get(), packet.data(), packet.size(), MSG_DONTWAIT);
      if (bytes < 0) {
        pollfd wait{ours_.get(), POLLIN, 0};
        ::poll(&wait, 1, 2);
        loop_.restart();
        loop_.poll();
      }
      return bytes >= 0;
    });
    if (bytes <= 0) {
      return std::nullopt;
    }
    return decode_monitor_answer({packet.data(), static_cast<size_t>(bytes)}).value();
  }

  std::optional<Verdict> verdict() {
    const std::optional<MonitorAnswer> told = answer();
    return told ? std::optional(std::get<Verdict>(*told)) : std::nullopt;
  }

  std::pair<MonitorId, Health> next() {
    const std::optional<Verdict> told = verdict();
    return told ? std::pair(told->id, told->health) : std::pair(MonitorId{0}, Health::unknown);
  }

  void close_link() { ours_ = lvs::io::UniqueFd{}; }

  boost::asio::io_context loop_;
  std::optional<NannyProcess> nanny_;

 private:
  lvs::io::UniqueFd ours_;
};

using Told = std::pair<MonitorId, Health>;

TEST_F(ForLvsd, AServerThatGoesDownAndComesBackIsTold) {
  start();
  std::optional<TcpServer> server(std::in_place, loop_, io::hang_up);
  const Endpoint place = server->place();
  watch(7, place);
  EXPECT_EQ(next(), Told(7, Health::up));

  server.reset();
  const std::optional<Verdict> down = verdict();
  ASSERT_TRUE(down);
  EXPECT_EQ(down->health, Health::down);
  EXPECT_EQ(down->reason, "connect: Connection refused");

  boost::asio::ip::tcp::acceptor back(loop_, io::to_asio<boost::asio::ip::tcp>(place));
  EXPECT_EQ(next(), Told(7, Health::up));
}

TEST_F(ForLvsd, RunsWithoutAnyPrivilege) {
  start();
  TcpServer server(loop_, io::hang_up);
  watch(1, server.place());
  EXPECT_EQ(next(), Told(1, Health::up));
  if (::geteuid() == 0) {
    EXPECT_EQ(nanny_->status("Uid"), "65534\t65534\t65534\t65534");
  }
  EXPECT_EQ(nanny_->status("CapEff"), "0000000000000000");
  EXPECT_EQ(nanny_->status("CapPrm"), "0000000000000000");
  EXPECT_EQ(nanny_->status("NoNewPrivs"), "1");
}

TEST_F(ForLvsd, EndsWhenLvsdIsGone) {
  start();
  close_link();
  EXPECT_EQ(nanny_->wait(), EXIT_SUCCESS);
}

TEST_F(ForLvsd, EndsWhenTold) {
  start();
  TcpServer server(loop_, io::hang_up);
  watch(1, server.place());
  EXPECT_EQ(next(), Told(1, Health::up));
  nanny_->signal(SIGUSR1);  // Means nothing here.
  nanny_->signal(SIGTERM);
  EXPECT_EQ(nanny_->wait(), EXIT_SUCCESS);
}

TEST_F(ForLvsd, ARemovedMonitorIsSilentAndTheOthersGoOn) {
  start();
  std::optional<TcpServer> server(std::in_place, loop_, io::hang_up);
  watch(1, server->place());
  EXPECT_EQ(next(), Told(1, Health::up));
  order(RemoveMonitor{1});
  watch(2, server->place());
  EXPECT_EQ(next(), Told(2, Health::up));
  server.reset();
  EXPECT_EQ(next(), Told(2, Health::down));
}

TEST_F(ForLvsd, AnOrderThatIsNotUnderstoodHurtsNobody) {
  start();
  order(RemoveMonitor{99});
  Monitor monitor;
  monitor.rise = 0;
  order(SetMonitor{5, monitor});
  TcpServer server(loop_, io::hang_up);
  watch(1, server.place());
  EXPECT_EQ(next(), Told(1, Health::up));
}

TEST_F(ForLvsd, APingIsAnsweredWhatEverTheServersDo) {
  start();
  TcpServer server(loop_, io::stall);
  Monitor waits;
  waits.target = server.place();
  waits.check = config::SendExpect{"", "never", false};
  waits.interval = 1ms;
  waits.timeout = 1h;
  order(SetMonitor{1, waits});
  for (const uint64_t number : {1, 2, 7}) {
    order(Ping{number});
    EXPECT_EQ(answer(), MonitorAnswer{Pong{number}});
  }
}

void a_thousand(const std::function<void(MonitorId, Endpoint)>& watch,
                const std::function<Told()>& next, boost::asio::io_context& loop) {
  std::vector<std::unique_ptr<TcpServer>> servers;
  std::vector<std::unique_ptr<io::ClosedPort>> closed;
  for (int i = 0; i < 10; ++i) {
    servers.push_back(std::make_unique<TcpServer>(loop, io::hang_up));
    closed.push_back(std::make_unique<io::ClosedPort>(loop));
  }
  for (MonitorId id = 0; id < 1000; ++id) {
    watch(id, id % 2 == 0 ? servers[id % 10]->place() : closed[id % 10]->place());
  }
  std::map<MonitorId, Health> told;
  while (told.size() < 1000) {
    const Told verdict = next();
    ASSERT_NE(verdict.second, Health::unknown) << "silence after " << told.size();
    EXPECT_TRUE(told.insert(verdict).second) << verdict.first << " told twice";
  }
  for (const auto& [id, health] : told) {
    EXPECT_EQ(health, id % 2 == 0 ? Health::up : Health::down) << id;
  }
  for (const auto& server : servers) {
    server->close();
  }
  for (int i = 0; i < 500; ++i) {
    EXPECT_EQ(next().second, Health::down);
  }
}

TEST_F(ForLvsd, AThousandMonitorsInOneProcess) {
  start();
  a_thousand([&](MonitorId id, Endpoint place) { watch(id, place, 1s); }, [&] { return next(); },
             loop_);
  const auto rss_kib = std::atoi(nanny_->status("VmRSS").c_str());
  RecordProperty("rss_kib", rss_kib);
  EXPECT_LT(rss_kib, 64 * 1024);
}

TEST_F(ForLvsd, AThousandMonitorsShareFewDescriptors) {
  start(100);
  a_thousand([&](MonitorId id, Endpoint place) { watch(id, place, 1s); }, [&] { return next(); },
             loop_);
}

}  // namespace
}  // namespace lvs::nanny
