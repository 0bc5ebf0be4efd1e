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
    std::function<void(const std::string& reason)> on_gone;  // Once; the object is dead then.
  };

  // `client_monitor`: the configured path; when it is empty or no program, the nanny beside our own
  // binary.
  static Result<std::unique_ptr<NannyChild>> start(boost::asio::io_context& io,
                                                   const std::string& client_monitor,
                                                   Callbacks call);
  ~NannyChild();  // Ends it; no callback any more.

  int pid() const;
  void send(const std::vector<MonitorOrder>& orders);

  struct Process;

 private:
  explicit NannyChild(std::shared_ptr<Process> process) : process_(std::move(process)) {}
  std::shared_ptr<Process> process_;
};

}  // namespace lvs::lvsd::io
