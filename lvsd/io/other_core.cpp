#include "lvsd/io/other_core.h"

#include "lvsd/core/io/attached.h"
#include "lvsd/core/io/core.h"
#include "lvsd/io/kernel_removal.h"
#include "lvsd/io/ownership_record.h"

namespace lvs::lvsd::io {
namespace {

bool is_embedded_core_here() {
  const auto found = core::find_attached(core::Access::read);
  return found || found.error().code == EPROTO;  // Or programs of another layout.
}

}  // namespace

Result<Ok> leave_other_core(config::CoreKind chosen, const std::string& run_dir) {
  if (chosen == config::CoreKind::embedded) {
    return remove_from_kernel(run_dir);
  }
  if (is_embedded_core_here()) {
    if (auto removed = core::Core::remove(); !removed) {
      return removed;
    }
  }
  forget_owned(run_dir, config::CoreKind::embedded);
  return Ok{};
}

}  // namespace lvs::lvsd::io
