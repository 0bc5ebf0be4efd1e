// One DNS question and what the answer to it is worth (RFC 1035). Nothing of an answer is followed:
// its header decides, and that it is an answer to this question.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "nanny/result.h"

namespace lvs::nanny {

// A message that asks for `name`. Nothing: no such type, or a name that DNS cannot have.
std::optional<std::string> dns_question(const std::string& name, const std::string& type,
                                        uint16_t id);

// Nothing: this is no answer to that question, and another may come.
std::optional<ProbeResult> judge_dns(std::string_view question, std::string_view answer);

}  // namespace lvs::nanny
