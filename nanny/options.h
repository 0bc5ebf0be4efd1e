// nanny's command line: Piranha's options for one monitor by hand, and --lvsd for the daemon that
// lvsd starts.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/ipvs/types.h"
#include "common/monitor.h"
#include "common/result.h"

namespace lvs::nanny {

struct Options {
  enum class Mode { by_hand, lvsd, help, version } mode = Mode::by_hand;
  enum class Life { daemon, nofork, foreground } life = Life::daemon;
  bool verbose = false;
  std::string ca_file;

  // By hand.
  bool failover = false;    // --fos
  bool touch_table = true;  // --norun clears it.
  bool quiesce = false;
  Monitor monitor;
  std::optional<ipvs::ServiceKey> service;  // Nothing: only with --norun or --fos.
  Endpoint virtual_place;                   // For messages.
  ipvs::Dest dest;
};

// Without the program's name. The error is one line for the operator, without the program's name.
Result<Options> parse_options(const std::vector<std::string>& words);

extern const char* const kHelp;

}  // namespace lvs::nanny
