// What a configuration asks for and this version reads, checks and does not do yet, and blocks that
// nobody switched on: one warning each, without file. Lines are the block's own (SourceLines).
#pragma once

#include "common/config/diagnostic.h"
#include "common/config/model.h"

namespace lvs::config {

Diagnostics not_in_effect(const Globals& globals);
Diagnostics not_in_effect(const VirtualService& service, CoreKind core);
Diagnostics failover_not_in_effect();

}  // namespace lvs::config
