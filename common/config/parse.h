// The text of an lvs.cf becomes a Config, or everything that is wrong with it. The grammar is
// Piranha's, read liberally (lines.h); keys, ranges and defaults stand in schema_*.cpp, rules
// between keys in validate.cpp.
//
//   const auto parsed = parse(text, path);
//   for (const auto& d : parsed.diagnostics) { ... to_string(d) ... }
//   if (!parsed.config) { exit 1 }
//
// A daemon reads the same file again and again, and mostly little of it has changed. ConfigReader
// remembers the text of each block and what came of it: a block whose lines are as they were is
// neither read nor checked again, and the new Config shares it with the one before. Law: what it
// gives equals what parse() makes of the same text.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "common/config/diagnostic.h"
#include "common/config/model.h"

namespace lvs::config {

constexpr size_t kMaxFileBytes = 4 << 20;

// Turns a host name into its address. Called only for values that are not addresses already.
using Resolver = std::function<std::optional<Address>(std::string_view)>;

struct Parsed {
  std::optional<Config> config;  // Nothing when a diagnostic is an error.
  Diagnostics diagnostics;       // In the order of the lines.
  // What the configuration asks for and this version reads, checks and does not do yet: warnings.
  Diagnostics not_in_effect;
};

// Diagnostics up to this: lesser ones are not even written.
Parsed parse(std::string_view text, std::string_view file, const Resolver& resolve = {},
             Severity least = Severity::strict);

class ConfigReader {
 public:
  explicit ConfigReader(std::string file, Resolver resolve = {}, Severity least = Severity::strict);
  ~ConfigReader();
  ConfigReader(ConfigReader&&) noexcept;
  ConfigReader& operator=(ConfigReader&&) noexcept;

  Parsed read(std::string text);

  // The text before the last one, as room to read the next into: large memory that is given back
  // and asked for again costs more than all else in a reading.
  std::string take_spent() { return std::exchange(spent_, {}); }

 private:
  struct Memory;
  std::string file_;
  Resolver resolve_;
  Severity least_;
  std::unique_ptr<Memory> memory_;
  std::string spent_;
};

}  // namespace lvs::config
