// pulse's command line: Piranha's options and this suite's.
#pragma once

#include <string>
#include <vector>

#include "common/result.h"

namespace lvs::pulse {

inline constexpr const char* kDefaultConfig = "/etc/sysconfig/ha/lvs.cf";

enum class Mode { keeper, arbiter, check, help, version };

struct Options {
  Mode mode = Mode::keeper;
  std::string config_file = kDefaultConfig;
  bool foreground = false;  // -n: log to standard error.
  bool verbose = false;
  bool force_active = false;
  std::string lvsd;  // Empty: lvsd beside this program.
  // From the keeper, of an arbiter that it starts again:
  bool restarted = false;   // Go on with what the one before ran with.
  std::string predecessor;  // How the one before ended.
};

Result<Options> parse_options(const std::vector<std::string>& arguments);
std::string usage();

}  // namespace lvs::pulse
