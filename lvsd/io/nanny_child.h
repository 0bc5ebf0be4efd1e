// nanny and its script runner, which live and die together: nanny started as the unprivileged user,
// fed with monitor orders, listened to for verdicts; the runner started with the first script that
// is to be checked, told of scripts by the same orders, and asked for runs by nanny over a socket
// that lvsd only hands out.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/monitor.h"
#include "common/result.h"

namespace lvs::lvsd::io {

class NannyChild {
 public:
  struct Callbacks {
    std::function<void(const Verdict&)> on_verdict;
    std::function<void(const Pong&)> on_pong;                // Of both, when there are two.
    std::function<void(const std::string& reason)> on_gone;  // Once; the object is dead then.
  };

  struct Program {
    std::string client_monitor;  // As configured; empty or no program: the nanny beside our binary.
    bool log_to_stderr = false;
    bool verbose = false;
  };

  static Result<std::unique_ptr<NannyChild>> start(boost::asio::io_context& io,
                                                   const Program& program, Callbacks call);
  ~NannyChild();  // Kills both, frozen or not: they have nothing to save. No callback any more.

  int pid() const;
  const std::string& user() const;
  void send(const std::vector<MonitorOrder>& orders);

  struct Pair;

 private:
  explicit NannyChild(std::shared_ptr<Pair> pair) : pair_(std::move(pair)) {}
  std::shared_ptr<Pair> pair_;
};

}  // namespace lvs::lvsd::io
