// lvsd: reads lvs.cf, keeps the IPVS table equal to it and to the verdicts of the monitors. Options
// in lvsd(8).
#include <cstdio>
#include <string>
#include <vector>

#include "common/io/daemon.h"
#include "lvsd/core_mode.h"
#include "lvsd/io/daemon.h"
#include "lvsd/io/options.h"

namespace {

constexpr int kExitUsage = 2;

int run_core(const lvs::lvsd::io::Options& options, bool remove) {
  lvs::core::CoreModeOptions core;
  core.core.interfaces = options.interfaces;
  core.remove = remove;
  core.foreground = options.foreground;
  const int status = lvs::core::run_core_mode(core);
  return remove && status == 0 ? lvs::lvsd::io::run_remove() : status;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace lvs::lvsd::io;
  const auto options = parse_options(std::vector<std::string>(argv + 1, argv + argc));
  if (!options) {
    std::fprintf(stderr, "lvsd: %s\n%s", options.error().what.c_str(), usage().c_str());
    return kExitUsage;
  }
  switch (options->mode) {
    case Mode::help:
      std::fputs(usage().c_str(), stdout);
      return 0;
    case Mode::version:
      std::puts(lvs::io::version_line("lvsd").c_str());
      return 0;
    case Mode::check:
      return run_check(*options);
    case Mode::plan:
      return run_plan(*options);
    case Mode::core:
      return run_core(*options, false);
    case Mode::core_remove:
      return run_core(*options, true);
    case Mode::daemon:
      return run_daemon(*options);
  }
  return kExitUsage;
}
