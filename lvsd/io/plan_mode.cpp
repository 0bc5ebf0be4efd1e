// lvsd --plan: what a start with this configuration would change, printed and not done.
#include <cstdio>

#include "common/io/resolve.h"
#include "common/io/run_dir.h"
#include "common/ipvs/client.h"
#include "common/ipvs/io/embedded_transport.h"
#include "common/ipvs/io/netlink_transport.h"
#include "lvsd/io/daemon.h"
#include "lvsd/io/load_config.h"
#include "lvsd/io/ownership_record.h"
#include "lvsd/io/plane.h"
#include "lvsd/plan.h"

namespace lvs::lvsd::io {
namespace {

// The table of the core that runs now; empty when none does.
Result<ipvs::Table> present_table(config::CoreKind kind) {
  auto transport =
      kind == config::CoreKind::kernel ? ipvs::io::connect_kernel() : ipvs::io::connect_embedded();
  if (!transport) {
    const bool no_core = transport.error().code == ECONNREFUSED || transport.error().code == ENOENT;
    return no_core ? Result<ipvs::Table>(ipvs::Table{}) : Result<ipvs::Table>(transport.error());
  }
  ipvs::Client client(std::move(*transport));
  auto snapshot = read_snapshot([&](const ipvs::Request& request) { return client.call(request); });
  if (!snapshot) {
    return snapshot.error();
  }
  return std::move(snapshot->table);
}

// As if every server answered: the table that the configuration describes.
Verdicts all_up(const config::Config& config) {
  Verdicts verdicts;
  for (const auto& [key, service] : active_services(config)) {
    for (const auto& [server_key, server] : active_servers(*service)) {
      verdicts[{key, server_key}] = Health::up;
    }
  }
  return verdicts;
}

}  // namespace

int run_plan(const Options& options) {
  const auto loaded = ConfigFile(options.config_file, lvs::io::resolve).load();
  if (!loaded) {
    std::fprintf(stderr, "%s\n", loaded.error().what.c_str());
    return EXIT_FAILURE;
  }
  const auto actual = present_table(loaded->config->core);
  const auto dir = lvs::io::run_dir();
  if (!actual || !dir) {
    std::fprintf(stderr, "lvsd: %s\n", (actual ? dir.error() : actual.error()).what.c_str());
    return EXIT_FAILURE;
  }
  const Desired wanted = desired(loaded->config, all_up(loaded->config), *actual);
  for (const auto& remark : loaded->remarks) {
    if (remark.severity == config::Severity::unsupported ||
        remark.severity == config::Severity::cut_short) {
      std::fprintf(stderr, "%s\n", config::to_string(remark).c_str());
    }
  }
  for (const auto& skipped : skipped_services(loaded->config)) {
    std::fprintf(stderr, "lvsd: skipped: %s\n", skipped.c_str());
  }
  for (const auto& op :
       plan(*actual, wanted.table, load_owned(*dir, loaded->config->core).services)) {
    std::printf("%s\n", ipvs::to_string(op).c_str());
  }
  return EXIT_SUCCESS;
}

}  // namespace lvs::lvsd::io
