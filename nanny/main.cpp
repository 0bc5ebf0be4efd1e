// nanny: watches real servers. With --lvsd it is lvsd's eye, told over descriptor 3 what to watch;
// by hand it watches one server and keeps that server's entry in the IPVS table.
#include <sys/prctl.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <random>

#include "common/io/daemon.h"
#include "common/io/driver.h"
#include "common/io/log_sink.h"
#include "nanny/failover_watch.h"
#include "nanny/io/lvsd_link.h"
#include "nanny/io/shell.h"
#include "nanny/io/table_keeper.h"
#include "nanny/options.h"

namespace lvs::nanny {
namespace {

namespace asio = boost::asio;

constexpr MonitorId kOnlyMonitor = 1;  // By hand there is one.

int refuse(const std::string& why) {
  std::fprintf(stderr, "nanny: %s (nanny --help lists the options)\n", why.c_str());
  return EXIT_FAILURE;
}

uint64_t seed_from_system() {
  std::random_device device;
  return (uint64_t{device()} << 32) | device();
}

// What both modes have in common: the monitors, and the shell that does what they say.
struct Nanny {
  Nanny(asio::io_context& loop, io::HttpClient& http, io::ScriptRunner::Connect runner,
        Announcer announcer)
      : monitors(io::raise_descriptor_limit(), Rng{seed_from_system()}, announcer),
        shell(loop, http, std::move(runner)),
        driver(loop, monitors, shell) {
    shell.on_done([this](const ProbeDone& done) { driver.feed(done); });
    shell.on_way([this](const WayChanged& change) { driver.feed(change); });
  }

  Monitors monitors;
  io::Shell shell;
  lvs::io::Driver<Monitors, io::Shell, Event, Timer> driver;
};

int run_for_lvsd(const Options& options) {
  const bool foreground = options.life == Options::Life::foreground;
  lvs::io::open_log("nanny",
                    foreground ? lvs::io::LogTarget::standard_error : lvs::io::LogTarget::syslog,
                    options.verbose ? Level::debug : Level::info);
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  std::signal(
      SIGUSR1,
      SIG_IGN);  // Holding servers is for a nanny of one server; here lvsd has its own means.
  std::signal(SIGUSR2, SIG_IGN);
  asio::io_context loop;
  io::HttpClient http(loop, options.ca_file);
  Nanny nanny(loop, http, io::runner_of_lvsd(), Announcer::lvsd);
  const auto link = io::LvsdLink::open(
      loop, io::kLvsdDescriptor, [&](const Event& order) { nanny.driver.feed(order); },
      [&] { loop.stop(); });
  if (!link) {
    return refuse("--lvsd is for lvsd, which hands over a socket: " + link.error().what);
  }
  nanny.shell.on_verdict([&](const Verdict& verdict) { (*link)->send(verdict); });
  const lvs::io::Signals signals(
      loop, [&](int) { loop.stop(); }, [] {});
  loop.run();
  return EXIT_SUCCESS;
}

// One monitor in the life that Piranha's nanny had.
class ByHand {
 public:
  ByHand(asio::io_context& loop, io::HttpClient& http, const Options& options)
      : loop_(loop),
        nanny_(loop, http, io::own_runner({kOnlyMonitor, options.monitor}), Announcer::nanny),
        options_(options),
        holds_(loop, SIGUSR1, SIGUSR2),
        signals_(
            loop, [this](int number) { stop(number); },
            [this] { nanny_.driver.feed(Hold::none); }) {
    if (options.touch_table && options.service) {
      const Endpoint& server = options.monitor.target;
      keeper_.emplace(
          loop,
          OwnEntry(*options.service, {server.address, server.port}, options.dest,
                   options.quiesce ? OwnEntry::OnFailure::quiesce : OwnEntry::OnFailure::remove),
          options.monitor.interval);
    }
    nanny_.shell.on_verdict([this](const Verdict& verdict) {
      if (keeper_ && verdict.has_way) {
        keeper_->server_is(verdict.health);
      }
    });
    if (options.failover) {
      nanny_.shell.on_done([this](const ProbeDone& done) {
        nanny_.driver.feed(done);
        watch_failover(done.result);
      });
    }
    wait_for_hold();
  }

  int run() {
    lvs::io::log({Level::notice,
                  "monitor-started",
                  "starting LVS client monitor for " + to_string(options_.virtual_place) + " -> " +
                      to_string(options_.monitor.target),
                  {}});
    nanny_.driver.feed(SetMonitor{kOnlyMonitor, options_.monitor});
    loop_.run();
    return status_;
  }

 private:
  void wait_for_hold() {
    holds_.async_wait([this](const boost::system::error_code& error, int number) {
      if (error) {
        return;
      }
      nanny_.driver.feed(number == SIGUSR1 ? Hold::down : Hold::up);
      wait_for_hold();
    });
  }

  void stop(int number) {
    lvs::io::log(
        {Level::notice, "stopping", "Terminating due to signal " + std::to_string(number), {}});
    status_ = !keeper_ || keeper_->remove_entry() ? EXIT_SUCCESS : EXIT_FAILURE;
    loop_.stop();
  }

  void watch_failover(const ProbeResult& result) {
    if (!is_decided(result.outcome)) {
      return;
    }
    const auto end = failover_.count(result.outcome == Outcome::works);
    if (!end) {
      return;
    }
    const bool lost = *end == FailoverWatch::End::lost;
    lvs::io::log({Level::notice,
                  lost ? "service-lost" : "service-never-seen",
                  lost ? "Exiting due to connection failure"
                       : "Timeout waiting for remote service -- triggering failover!",
                  {{"server", to_string(options_.monitor.target)}, {"reason", result.reason}}});
    status_ = lost ? EXIT_SUCCESS : EXIT_FAILURE;
    loop_.stop();
  }

  asio::io_context& loop_;
  Nanny nanny_;
  const Options& options_;
  std::optional<io::TableKeeper> keeper_;
  FailoverWatch failover_;
  asio::signal_set holds_;
  lvs::io::Signals signals_;
  int status_ = EXIT_SUCCESS;
};

int run_by_hand(const Options& options) {
  lvs::io::Background background;
  if (options.life == Options::Life::daemon) {
    auto entered = lvs::io::Background::enter();
    if (!entered) {
      return refuse(entered.error().what);
    }
    background = std::move(entered).value();
  } else if (options.life == Options::Life::nofork) {
    ::setsid();
  }
  const bool foreground = options.life == Options::Life::foreground;
  lvs::io::open_log("nanny",
                    foreground ? lvs::io::LogTarget::standard_error : lvs::io::LogTarget::syslog,
                    options.verbose ? Level::debug : Level::info);
  asio::io_context loop;
  io::HttpClient http(loop, options.ca_file);
  ByHand by_hand(loop, http, options);
  background.ready();
  return by_hand.run();
}

}  // namespace
}  // namespace lvs::nanny

int main(int argc, char** argv) {
  using lvs::nanny::Options;
  const auto options = lvs::nanny::parse_options({argv + 1, argv + argc});
  if (!options) {
    return lvs::nanny::refuse(options.error().what);
  }
  switch (options->mode) {
    case Options::Mode::help:
      std::fputs(lvs::nanny::kHelp, stdout);
      return EXIT_SUCCESS;
    case Options::Mode::version:
      std::puts(lvs::io::version_line("nanny").c_str());
      return EXIT_SUCCESS;
    case Options::Mode::lvsd:
      return lvs::nanny::run_for_lvsd(*options);
    case Options::Mode::by_hand:
      return lvs::nanny::run_by_hand(*options);
  }
  return EXIT_FAILURE;
}
