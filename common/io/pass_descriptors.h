// Open files handed from one process to another over a UNIX socket.
#pragma once

#include <vector>

#include "common/io/unique_fd.h"
#include "common/result.h"

namespace lvs::io {

constexpr size_t kDescriptorsPassedMax = 8;

Result<Ok> pass_descriptors(int socket, const std::vector<UniqueFd>& descriptors);
// Those that wait there, with none of them open after an exec. Does not wait itself: EAGAIN.
Result<std::vector<UniqueFd>> take_descriptors(int socket);

}  // namespace lvs::io
