// Check scripts, the part without a process: the words of a command, and what its end says about
// the server. The exit status counts, and so does the output when an `expect` is given. Piranha's
// own rules, where a script that times out or fails counts as success as long as `expect` is set,
// hold only under script_legacy.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/config/model.h"
#include "nanny/result.h"

namespace lvs::nanny {

constexpr size_t kScriptWordsMax = 128;
constexpr size_t kScriptOutputMax = 4095;   // Bytes of its output that are kept ...
constexpr size_t kScriptReadMax = 1 << 20;  // ... and that are read before it is ended.
constexpr size_t kScriptSaidMax = 256;      // Bytes kept of its errors, or of why it was not run.

// Split at blanks, no shell; the words %h and %p become the server's address and port.
std::vector<std::string> script_words(const std::string& command, const Endpoint& target);

struct ScriptEnd {
  enum class How : uint32_t {
    exited,
    killed,
    timed_out,
    flooded,      // It printed more than kScriptReadMax.
    exec_failed,  // The kernel refused it.
    refused       // Never begun, for a cause that says nothing about the server.
  } how = How::exited;
  int number = 0;      // Exit status, signal, or errno value.
  std::string output;  // Standard output.
  std::string said;    // Standard error; with exec_failed and refused why, in our words.
  bool operator==(const ScriptEnd&) const = default;
};
ProbeResult judge_script(const config::ScriptCheck& check, const Endpoint& target,
                         const ScriptEnd& end);

}  // namespace lvs::nanny
