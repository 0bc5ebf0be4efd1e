// lvsd's command line: Piranha's options and this suite's.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/result.h"

namespace lvs::lvsd {

constexpr const char* kDefaultConfig = "/etc/sysconfig/ha/lvs.cf";

enum class Mode { daemon, check, plan, core, core_remove, help, version };

struct Options {
  Mode mode = Mode::daemon;
  std::string config_file = kDefaultConfig;
  bool foreground =
      false;  // -n: log to standard error; --nofork: stay in the process, log to syslog.
  bool log_to_stderr = false;
  bool verbose = false;
  bool standby = false;  // Do not arm the core before pulse says so.
  // From pulse, to an lvsd that it starts again:
  bool restarted = false;               // Go on with the configuration of the one before.
  std::string predecessor;              // How the one before ended.
  std::vector<std::string> interfaces;  // With --core.
  uint32_t connections = 0;             // With --core: of a fresh table; 0: by the memory.
};

Result<Options> parse_options(const std::vector<std::string>& arguments);
std::string usage();

}  // namespace lvs::lvsd
