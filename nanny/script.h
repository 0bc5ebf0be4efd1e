// Check scripts, the part without a process: the words of a command, and what its end says about
// the server. The exit status counts, and so does the output when an `expect` is given. Piranha's
// own rules, where a script that times out or fails counts as success as long as `expect` is set,
// hold only under script_legacy.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/config/model.h"
#include "nanny/result.h"

namespace lvs::nanny {

constexpr size_t kScriptWordsMax = 128;
constexpr size_t kScriptOutputMax = 4095;  // Bytes kept; the rest is read and dropped.

// Split at blanks, no shell; the words %h and %p become the server's address and port.
std::vector<std::string> script_words(const std::string& command, const Endpoint& target);

struct ScriptEnd {
  enum class How { exited, killed, timed_out } how = How::exited;
  int number = 0;  // Exit status or signal.
  std::string output;
};
ProbeResult judge_script(const config::ScriptCheck& check, const Endpoint& target,
                         const ScriptEnd& end);

}  // namespace lvs::nanny
