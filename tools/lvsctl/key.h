// `lvsctl key`: the secret that both directors sign their heartbeats with. Which file it belongs
// into, what it looks like, and what the operator does with it next.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "common/config/model.h"
#include "common/result.h"

namespace lvs::lvsctl {

constexpr size_t kKeyBytes = 32;  // As many as the signature has: more would add nothing.

enum class WhichKey { now, next };

// Heartbeats of this configuration are signed with this file, or believed by the second one. An
// error when there is no such file.
Result<std::string> key_file(const config::Config& config, const std::string& config_file,
                             WhichKey which = WhichKey::now);

// In hexadecimal, as one line: fit for a terminal and for any way to copy it.
std::string key_text(std::span<const uint8_t, kKeyBytes> random);

// How the other director gets it. `is_own` says which addresses are of this machine.
std::string next_steps(const config::Config& config, const std::string& key_file, WhichKey which,
                       const std::function<bool(const Address&)>& is_own);

}  // namespace lvs::lvsctl
