// What is to be said about a configuration: which file and line, which key, what was expected.
// Parser and validator collect these and never stop at the first.
#pragma once

#include <string>
#include <vector>

namespace lvs::config {

enum class Severity {
  error,        // The file does not load.
  unsupported,  // It loads; the core that it asks for cannot serve this.
  cut_short,    // It loads when a daemon starts; a reload is refused: its end may be missing.
  warning,      // It loads; this is probably not what was meant.
  strict,       // It loads here; Piranha's daemons would have refused it. Shown on request only.
};

struct Diagnostic {
  Severity severity = Severity::error;
  std::string file;
  int line = 0;     // From 1; 0: about the file as a whole.
  std::string key;  // The key, or the word that opens a block; may be empty.
  std::string text;
  bool operator==(const Diagnostic&) const = default;
};
using Diagnostics = std::vector<Diagnostic>;

bool has_errors(const Diagnostics& diagnostics);
// Why a running daemon does not change to this file; empty: it does.
std::string reason_to_keep_the_old(const Diagnostics& diagnostics);

// "lvs.cf:12: port: expected a port, 0 to 65535"; warnings say "warning: " before the text.
std::string to_string(const Diagnostic& diagnostic);
std::string to_string(Severity severity);

}  // namespace lvs::config
