// pulse: decides with its peer which of two directors serves, and holds the floating addresses.
// Options in pulse(8).
#include <cstdio>
#include <string>
#include <vector>

#include "common/io/daemon.h"
#include "pulse/io/arbiter.h"
#include "pulse/io/keeper.h"
#include "pulse/io/setup.h"
#include "pulse/options.h"

namespace {

using namespace lvs::pulse;

constexpr int kExitUsage = 1;  // Piranha's.

int run_check(const Options& options) {
  std::vector<std::string> complaints;
  const bool good = check_configuration(options.config_file, complaints);
  for (const std::string& complaint : complaints) {
    std::fprintf(stderr, "%s\n", complaint.c_str());
  }
  return good ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const auto options = parse_options(std::vector<std::string>(argv + 1, argv + argc));
  if (!options) {
    std::fprintf(stderr, "pulse: %s\n%s", options.error().what.c_str(), usage().c_str());
    return kExitUsage;
  }
  switch (options->mode) {
    case Mode::help:
      std::fputs(usage().c_str(), stdout);
      return 0;
    case Mode::version:
      std::puts(lvs::io::version_line("pulse").c_str());
      return 0;
    case Mode::check:
      return run_check(*options);
    case Mode::arbiter:
      return run_arbiter({options->config_file, options->foreground, options->verbose,
                          options->force_active, options->restarted, options->predecessor});
    case Mode::keeper:
      return run_keeper(*options);
  }
  return kExitUsage;
}
