// lvsd: reads lvs.cf, keeps the IPVS table equal to it and to the verdicts of the monitors. Options
// in lvsd(8).
#include <cstdio>
#include <string>
#include <vector>

#include "common/io/daemon.h"
#include "lvsd/io/daemon.h"
#include "lvsd/options.h"

namespace {

constexpr int kExitUsage = 2;

}  // namespace

int main(int argc, char** argv) {
  using namespace lvs::lvsd;
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
      return run_core(*options);
    case Mode::core_remove:
      return run_core_remove(*options);
    case Mode::daemon:
      return run_daemon(*options);
  }
  return kExitUsage;
}
