#include "tools/lvsadm/io/trace_run.h"

#include <poll.h>
#include <sys/signalfd.h>

#include <chrono>
#include <csignal>
#include <cstdio>

#include "common/io/unique_fd.h"
#include "tools/lvsadm/run.h"
#include "tools/lvsadm/trace.h"

namespace lvs::lvsadm {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kRenewal = std::chrono::seconds(1);

// What ends a trace: Ctrl-C, or being told to.
io::UniqueFd ending_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGHUP);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  return io::UniqueFd(::signalfd(-1, &signals, SFD_CLOEXEC));
}

// As packets have it.
uint64_t time_now() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::nanoseconds(now).count());
}

class Tracing {
 public:
  Tracing(core::Trace& trace, const Trace& wanted) : trace_(trace), wanted_(wanted) {}

  int run() {
    const io::UniqueFd signals = ending_signals();
    std::signal(SIGPIPE, SIG_IGN);
    std::fputs("lvsadm: tracing; Ctrl-C ends it\n", stderr);
    if (!trace_.is_armed()) {
      std::fputs("lvsadm: this director is not the active one: what begins is left to the stack\n",
                 stderr);
    }
    auto due = Clock::now() + kRenewal;
    while (!is_over_) {
      pollfd fds[] = {{signals.get(), POLLIN, 0}, {trace_.readable_fd(), POLLIN, 0}};
      const auto left =
          std::chrono::duration_cast<std::chrono::milliseconds>(due - Clock::now()).count();
      ::poll(fds, std::size(fds), static_cast<int>(std::max<int64_t>(0, left)));
      is_over_ = (fds[0].revents & POLLIN) != 0;
      show_what_came();
      if (Clock::now() >= due && !is_over_) {
        renew();
        due = Clock::now() + kRenewal;
      }
    }
    const bool has_filter = wanted_.filter != ipvs::TraceFilter{};
    std::fputs(summary_.text(trace_.lost(), has_filter, time_now()).c_str(), stderr);
    return status_;
  }

 private:
  void show_what_came() {
    trace_.read([this](const ipvs::TracedPacket& packet) {
      summary_.count(packet);
      std::fputs((wanted_.json ? trace_json(packet) : trace_line(packet)).c_str(), stdout);
      is_over_ = is_over_ || summary_.packets() == wanted_.count;
      return !is_over_;
    });
    if (std::fflush(stdout) != 0) {
      is_over_ = true;  // Nobody reads any more.
    }
  }

  void renew() {
    const auto renewed = trace_.renew();
    if (!renewed) {
      std::fprintf(stderr, "lvsadm: the trace ends: %s\n", renewed.error().what.c_str());
      is_over_ = true;
      status_ = kWrongUsage;
    } else if (*renewed == core::Trace::Renewed::replaced) {
      std::fputs("lvsadm: lvsd has exchanged its programs: some packets were not shown\n", stderr);
    }
  }

  core::Trace& trace_;
  const Trace& wanted_;
  TraceSummary summary_;
  bool is_over_ = false;
  int status_ = 0;
};

}  // namespace

int run_trace(core::Trace& trace, const Trace& wanted) {
  return Tracing(trace, wanted).run();
}

}  // namespace lvs::lvsadm
