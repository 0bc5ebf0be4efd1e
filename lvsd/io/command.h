// One program run as a child: text in, text out, a limit on its time; the loop never waits for it.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <string>
#include <vector>

#include "common/result.h"
#include "common/time.h"

namespace lvs::lvsd::io {

constexpr size_t kCommandOutputMax = 16 << 20;

// Calls `done` once, later, with what the program wrote to its standard output; an error holds its
// standard error. ENOENT: there is no such program. ETIMEDOUT: it was killed at its limit.
void run_command(boost::asio::io_context& io, std::vector<std::string> words, std::string input,
                 Duration limit, std::function<void(Result<std::string>)> done);

}  // namespace lvs::lvsd::io
