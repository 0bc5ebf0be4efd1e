#include "lvsd/core/io/grace.h"

#include <bpf/bpf.h>

#include "common/io/unique_fd.h"

namespace lvs::core {

Result<Ok> wait_for_running_programs() {
  const uint32_t zero = 0;
  const io::UniqueFd inner(bpf_map_create(BPF_MAP_TYPE_ARRAY, "lvs_grace_inner", sizeof(zero),
                                          sizeof(zero), 1, nullptr));
  bpf_map_create_opts options{};
  options.sz = sizeof(options);
  options.inner_map_fd = static_cast<uint32_t>(inner.get());
  const io::UniqueFd outer(bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, "lvs_grace", sizeof(zero),
                                          sizeof(uint32_t), 1, &options));
  const int value = inner.get();
  if (bpf_map_update_elem(outer.get(), &zero, &value, BPF_ANY) != 0) {
    return os_error(errno, "wait for running BPF programs");
  }
  return Ok{};
}

}  // namespace lvs::core
