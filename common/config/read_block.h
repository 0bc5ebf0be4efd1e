// A block of lines becomes a value of the model: each key by the schema, what is unknown refused
// with a guess at what was meant.
#pragma once

#include "common/config/diagnostic.h"
#include "common/config/lines.h"
#include "common/config/model.h"
#include "common/config/parse.h"

namespace lvs::config {

// Diagnostics come without file; their lines are the block's own as SourceLines has them.
struct ReadService {
  VirtualService service;
  Diagnostics diagnostics;
  bool has_resolved = false;  // A host name was looked up: the next reading may differ.
};
ReadService read_service(const Block& block, const Resolver& resolve);

struct ReadGlobals {
  Globals globals;
  Diagnostics diagnostics;
};
ReadGlobals read_globals(const Block& block, const Resolver& resolve);

}  // namespace lvs::config
