// The rules that hold between keys. parse() applies them after all blocks are read; a tool that
// builds or edits a Config can apply them to the value. Diagnostics come without file.
#pragma once

#include "common/config/diagnostic.h"
#include "common/config/model.h"

namespace lvs::config {

// Of the globals, and between services. Lines are the file's.
Diagnostics broken_rules(const Config& config);

// Of one service by itself, beside these globals. Lines are the service's own (SourceLines);
// `first_line` is where it is opened, for texts that name a line.
Diagnostics broken_rules(const Globals& globals, const VirtualService& service, int first_line);

}  // namespace lvs::config
