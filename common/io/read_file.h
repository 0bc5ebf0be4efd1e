// Whole files: bounded reads, and writes that are there whole or not at all.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "common/result.h"

namespace lvs::io {

constexpr size_t kFileSizeMax = 16 << 20;

// EFBIG above size_max. `room` may lend its memory; what it holds does not matter.
Result<std::string> read_file(const std::string& path, size_t size_max = kFileSizeMax,
                              std::string room = {});
// Writes a new file beside `path`, for its owner alone until it is complete, syncs it and renames
// it over: a reader sees the old bytes or the new ones. Existing::keep: EEXIST when there is one.
enum class Existing { replace, keep };
Result<Ok> write_file_atomically(const std::string& path, std::string_view bytes, mode_t mode,
                                 Existing existing = Existing::replace);

}  // namespace lvs::io
