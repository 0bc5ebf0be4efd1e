// The text of an lvs.cf becomes a Config, or everything that is wrong with it. The grammar is
// Piranha's, read liberally (lines.h); keys, ranges and defaults stand in schema.cpp, rules between
// keys in validate.cpp.
//
//   const auto parsed = parse(text, path);
//   for (const auto& d : parsed.diagnostics) { ... to_string(d) ... }   // leave Severity::strict
//   out unless asked for if (!parsed.config) { exit 1 }
#pragma once

#include <functional>
#include <optional>
#include <string_view>

#include "common/config/diagnostic.h"
#include "common/config/model.h"

namespace lvs::config {

constexpr size_t kMaxFileBytes = 4 << 20;

// Turns a host name into its address. Called only for values that are not addresses already.
using Resolver = std::function<std::optional<Address>(std::string_view)>;

struct Parsed {
  std::optional<Config> config;  // Nothing when a diagnostic is an error.
  Diagnostics diagnostics;       // In the order of the lines.
};

Parsed parse(std::string_view text, std::string_view file, const Resolver& resolve = {});

}  // namespace lvs::config
