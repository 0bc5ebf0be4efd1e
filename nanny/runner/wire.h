// The packets between nanny and the script runner, over a SEQPACKET socket pair. nanny names a
// monitor and cannot say what is run for it: the command and its user come from lvsd alone. So what
// an unprivileged nanny sends is three numbers, and there is nothing to parse; numbers are in host
// order, since both ends are on one machine.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/monitor.h"
#include "nanny/script.h"

namespace lvs::nanny::runner {

using RunId = uint64_t;  // Given by nanny, never reused while it lives.

struct ScriptRequest {
  enum class Verb : uint64_t { run = 1, cancel = 2 } verb = Verb::run;
  RunId run = 0;
  MonitorId monitor = 0;
  bool operator==(const ScriptRequest&) const = default;
};

struct ScriptAnswer {
  RunId run = 0;
  ScriptEnd end;
  bool operator==(const ScriptAnswer&) const = default;
};

constexpr size_t kScriptPacketMax = 32 + kScriptOutputMax + kScriptSaidMax;

std::string encode(const ScriptRequest& request);
std::string encode(const ScriptAnswer& answer);  // Cuts texts at their limits.

// Nothing: not such a packet.
std::optional<ScriptRequest> decode_script_request(std::string_view packet);
std::optional<ScriptAnswer> decode_script_answer(std::string_view packet);

}  // namespace lvs::nanny::runner
