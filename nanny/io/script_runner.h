// nanny's side of the script runner: asks it for runs and judges how they ended. The runner is
// another process (nanny/runner), because scripts run as a user that nanny must not be able to
// become.
#pragma once

#include <array>
#include <boost/asio/generic/seq_packet_protocol.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>

#include "common/io/unique_fd.h"
#include "common/result.h"
#include "nanny/io/probe.h"
#include "nanny/runner/wire.h"

namespace lvs::nanny::io {

class ScriptRunner {
 public:
  // A socket to a runner; asked for with the first check, and again after a runner has ended.
  using Connect = std::function<Result<lvs::io::UniqueFd>()>;

  ScriptRunner(boost::asio::io_context& io, Connect connect)
      : io_(io), connect_(std::move(connect)) {}

  // The runner keeps the time.
  std::unique_ptr<Probe> probe(MonitorId id, const Endpoint& target,
                               const config::ScriptCheck& check, Tell tell);

 private:
  class Run;
  using Protocol = boost::asio::generic::seq_packet_protocol;

  Result<Ok> connect();
  Result<Ok> send(const runner::ScriptRequest& request);
  void receive();
  void on_packet(std::string_view packet);
  void on_closed();
  void cancel(runner::RunId run);

  boost::asio::io_context& io_;
  Connect connect_;
  std::optional<Protocol::socket> socket_;
  std::array<char, runner::kScriptPacketMax> packet_;
  boost::asio::socket_base::message_flags flags_ = 0;
  runner::RunId last_run_ = 0;
  std::map<runner::RunId, Run*> running_;
};

// With --lvsd: the other end of descriptor 4, where lvsd puts a runner when there are scripts.
ScriptRunner::Connect runner_of_lvsd();

// By hand: a runner of our own, which is told of this one monitor and runs its script as our user.
ScriptRunner::Connect own_runner(const SetMonitor& order);

}  // namespace lvs::nanny::io
