#include "nanny/io/script_runner.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "common/io/spawn.h"
#include "common/monitor_codec.h"
#include "nanny/io/endpoint.h"

namespace lvs::nanny::io {

using boost::system::error_code;
using lvs::io::UniqueFd;
using runner::ScriptRequest;

namespace {

constexpr int kRunnerDescriptor = 4;

ProbeResult no_runner(const std::string& why) {
  return {Outcome::undecided, "script: " + why, ""};
}

}  // namespace

class ScriptRunner::Run : public Probe {
 public:
  Run(ScriptRunner& runner, runner::RunId run, const Endpoint& target, config::ScriptCheck check,
      Tell tell)
      : runner_(runner),
        run_(run),
        target_(target),
        check_(std::move(check)),
        tell_(std::move(tell)) {
    runner_.running_[run_] = this;
  }
  ~Run() override {
    if (runner_.running_.erase(run_) != 0) {
      runner_.cancel(run_);
    }
  }

  // The probe may be destroyed by what it tells.
  static void end(Run& run, ProbeResult result) {
    const Tell tell = std::move(run.tell_);
    tell(std::move(result));
  }
  ProbeResult judge(const ScriptEnd& end) const { return judge_script(check_, target_, end); }

 private:
  ScriptRunner& runner_;
  runner::RunId run_;
  Endpoint target_;
  config::ScriptCheck check_;
  Tell tell_;
};

std::unique_ptr<Probe> ScriptRunner::probe(MonitorId id, const Endpoint& target,
                                           const config::ScriptCheck& check, Tell tell) {
  const runner::RunId run = ++last_run_;
  Result<Ok> asked = socket_ ? Result<Ok>(Ok{}) : connect();
  if (asked) {
    asked = send({ScriptRequest::Verb::run, run, id});
  }
  if (!asked) {
    return probe_that_ends(io_, no_runner(asked.error().what), std::move(tell));
  }
  return std::make_unique<Run>(*this, run, target, check, std::move(tell));
}

Result<Ok> ScriptRunner::connect() {
  Result<UniqueFd> fd = connect_();
  if (!fd) {
    return fd.error();
  }
  socket_.emplace(io_, Protocol(AF_UNIX, 0), fd->release());
  receive();
  return Ok{};
}

Result<Ok> ScriptRunner::send(const ScriptRequest& request) {
  const std::string packet = encode(request);
  const ssize_t sent =
      ::send(socket_->native_handle(), packet.data(), packet.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  return sent >= 0 ? Result<Ok>(Ok{}) : os_error(errno, "script runner");
}

void ScriptRunner::receive() {
  socket_->async_receive(boost::asio::buffer(packet_), 0, flags_,
                         [this](const error_code& error, size_t bytes) {
                           if (error == boost::asio::error::operation_aborted) {
                             return;
                           }
                           if (error || bytes == 0) {
                             on_closed();
                             return;
                           }
                           on_packet({packet_.data(), bytes});
                           receive();
                         });
}

void ScriptRunner::on_packet(std::string_view packet) {
  const auto answer = runner::decode_script_answer(packet);
  auto run = answer ? running_.extract(answer->run) : decltype(running_)::node_type{};
  if (run) {
    Run::end(*run.mapped(), run.mapped()->judge(answer->end));
  }
}

void ScriptRunner::on_closed() {
  socket_.reset();
  while (!running_.empty()) {
    const auto run = running_.extract(running_.begin());
    Run::end(*run.mapped(), no_runner("the script runner has ended"));
  }
}

// When this cannot be sent, the run lasts until its time limit, and nobody hears its end.
void ScriptRunner::cancel(runner::RunId run) {
  if (socket_) {
    [[maybe_unused]] const Result<Ok> sent = send({ScriptRequest::Verb::cancel, run, 0});
  }
}

ScriptRunner::Connect runner_of_lvsd() {
  return []() -> Result<UniqueFd> {
    UniqueFd socket{::fcntl(kRunnerDescriptor, F_DUPFD_CLOEXEC, 0)};
    return socket ? Result<UniqueFd>(std::move(socket)) : os_error(errno, "script runner");
  };
}

namespace {

// A runner that we have started, and the socket on which it is told of its monitor.
struct OwnRunner {
  lvs::io::HelperProcess process;
  UniqueFd orders;

  ~OwnRunner() {
    if (process.pid > 0) {
      ::kill(process.pid, SIGKILL);
      ::waitpid(process.pid, nullptr, 0);
    }
  }
};

Result<UniqueFd> start_own(OwnRunner& runner, const SetMonitor& order) {
  auto orders = lvs::io::packet_pair();
  auto requests = orders ? lvs::io::packet_pair() : std::move(orders).error();
  if (!requests) {
    return requests.error();
  }
  auto process = lvs::io::start_helper({lvs::io::program_beside_us("nanny-runner"),
                                        {"nanny-runner"},
                                        {orders->second.get(), requests->second.get()},
                                        std::nullopt});
  if (!process) {
    return process.error();
  }
  runner.process = std::move(*process);
  runner.orders = std::move(orders->first);
  const std::string packet = lvs::encode(MonitorOrder{order});
  ::send(runner.orders.get(), packet.data(), packet.size(), MSG_NOSIGNAL);
  return std::move(requests->first);
}

}  // namespace

ScriptRunner::Connect own_runner(const SetMonitor& order) {
  return [order, runner = std::shared_ptr<OwnRunner>()]() mutable -> Result<UniqueFd> {
    runner = std::make_shared<OwnRunner>();  // Ends the one before.
    return start_own(*runner, order);
  };
}

}  // namespace lvs::nanny::io
