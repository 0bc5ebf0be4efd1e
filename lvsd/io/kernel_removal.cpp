#include "lvsd/io/kernel_removal.h"

#include "common/ipvs/io/cores.h"
#include "lvsd/io/ownership_record.h"

namespace lvs::lvsd::io {
namespace {

Result<Ok> remove_services(const ipvs::Handler& core, const Owned& owned) {
  for (const auto& key : owned.services) {
    const auto removed = core(ipvs::DelService{key});
    if (!removed && removed.error().code != ESRCH) {
      return removed.error();
    }
  }
  return Ok{};
}

Result<Ok> stop_daemons(const ipvs::Handler& core, const Owned& owned) {
  const auto running = core(ipvs::GetDaemons{});
  if (!running) {
    return running.error();
  }
  for (const auto& daemon : std::get<SyncDaemons>(*running)) {
    if (!runs(daemon, owned.daemons)) {
      continue;
    }
    if (const auto stopped = core(ipvs::DelDaemon{daemon.role}); !stopped) {
      return stopped.error();
    }
  }
  return Ok{};
}

}  // namespace

Result<Ok> remove_from_kernel(const std::string& run_dir) {
  const Owned owned = load_owned(run_dir, config::CoreKind::kernel);
  if (owned == Owned{}) {
    return Ok{};
  }
  const auto core = ipvs::io::kernel_core();
  const bool is_unloaded = !core && core.error().code == ENOENT;
  if (!core && !is_unloaded) {
    return core.error();
  }
  if (core) {
    const auto services = remove_services(*core, owned);
    const auto daemons = stop_daemons(*core, owned);
    if (!services || !daemons) {
      return (services ? daemons : services).error().in("take ours out of ip_vs");
    }
  }
  forget_owned(run_dir, config::CoreKind::kernel);
  return Ok{};
}

}  // namespace lvs::lvsd::io
