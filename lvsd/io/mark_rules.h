// Makes the running mark rules and the distribution's saved file what the configuration asks for.
// What to write is decided by lvsd/marks; here iptables-save and iptables-restore are run and the
// file is exchanged, its old content kept beside it as FILE.lvs-old. Nothing is done, and nothing
// said, where nothing is to change. The answer says what is odd about the marks as they are then.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>

#include "common/log.h"
#include "common/result.h"
#include "lvsd/marks.h"
#include "lvsd/shared_config.h"

namespace lvs::lvsd::io {

// Where the rules are saved for the next boot.
struct MarkFiles {
  std::string ipv4;
  std::string ipv6;
};
// /etc/iptables/rules.v4 on Debian and its kin, /etc/sysconfig/iptables elsewhere.
MarkFiles distribution_mark_files();

// What `iptables-save -t mangle` says now; nothing where there is no iptables. Waits for it, so it
// is for commands, not for daemons.
Result<std::string> running_mangle(Family family);

class MarkRules {
 public:
  MarkRules(boost::asio::io_context& io, MarkFiles files, std::function<void(const LogEvent&)> log);
  ~MarkRules();

  // Calls `done` once, later. A call during another waits for it; of several waiting ones the last
  // configuration counts, and all get its result.
  void apply(const SharedConfig& config, std::function<void(Result<MarkWarnings>)> done);

  struct Shared;

 private:
  std::shared_ptr<Shared> shared_;
};

}  // namespace lvs::lvsd::io
