// The nanny process: started as the unprivileged user, fed with monitor orders, listened to for
// verdicts. One packet of the SEQPACKET pair (descriptor 3 in the child) is one JSON object of
// common/monitor_codec.h.
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
    std::function<void(const Pong&)> on_pong;
    std::function<void(const std::string& reason)> on_gone;  // Once; the object is dead then.
  };

  struct Program {
    std::string client_monitor;  // As configured; empty or no program: the nanny beside our binary.
    bool log_to_stderr = false;
    bool verbose = false;
  };

  static Result<std::unique_ptr<NannyChild>> start(boost::asio::io_context& io,
                                                   const Program& program, Callbacks call);
  ~NannyChild();  // Kills it, frozen or not: it has nothing to save. No callback any more.

  int pid() const;
  void send(const std::vector<MonitorOrder>& orders);

  struct Process;

 private:
  explicit NannyChild(std::shared_ptr<Process> process) : process_(std::move(process)) {}
  std::shared_ptr<Process> process_;
};

}  // namespace lvs::lvsd::io
