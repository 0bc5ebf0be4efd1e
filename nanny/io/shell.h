// Performs what the monitors decide: starts and cancels checks, writes the log, hands verdicts on.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <map>
#include <memory>

#include "nanny/io/pinger.h"
#include "nanny/io/probe.h"
#include "nanny/io/probe_http.h"
#include "nanny/io/script_runner.h"
#include "nanny/io/way_watch.h"
#include "nanny/monitors.h"

namespace lvs::nanny::io {

constexpr size_t kProbesMax =
    4000;  // At most so many checks at once, fewer if descriptors are scarce.
constexpr size_t kDescriptorsKept = 64;   // For the log, lvsd, the loop.
constexpr size_t kDescriptorsAProbe = 3;  // Its socket, and two in passing.

// Raises the soft limit of open files to the hard one; how many checks at once that allows.
size_t raise_descriptor_limit();

class Shell {
 public:
  using OnDone = std::function<void(const ProbeDone&)>;
  using OnWay = std::function<void(const WayChanged&)>;
  using OnVerdict = std::function<void(const Verdict&)>;

  Shell(boost::asio::io_context& io, HttpClient& http, ScriptRunner::Connect runner)
      : io_(io),
        http_(http),
        scripts_(io, std::move(runner)),
        pinger_(io, sockets_of_lvsd()),
        ways_(io, [this](const Ways::Change& change) { tell(change); }) {}
  void on_way(OnWay on_way) { on_way_ = std::move(on_way); }
  void on_done(OnDone on_done) { on_done_ = std::move(on_done); }
  void on_verdict(OnVerdict on_verdict) { on_verdict_ = std::move(on_verdict); }

  void perform(const StartProbe& start);
  void perform(const CancelProbe& cancel) { probes_.erase(cancel.probe); }
  void perform(const Report& report) { on_verdict_(report.verdict); }
  void perform(const LogEvent& event);

 private:
  void tell(const Ways::Change& change) {
    on_way_({change.servers, change.works, device_does_not_work(change.device, change.exists)});
  }

  boost::asio::io_context& io_;
  HttpClient& http_;
  ScriptRunner scripts_;
  Pinger pinger_;
  WayWatch ways_;
  OnWay on_way_;
  OnDone on_done_;
  OnVerdict on_verdict_;
  std::map<ProbeId, std::unique_ptr<Probe>> probes_;
};

}  // namespace lvs::nanny::io
