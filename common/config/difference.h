// What differs between two configurations, key by key, as lvs.cf has them: for whoever wants to see
// what an edited file says before it counts. serial_no is left out, since it says nothing itself.
#pragma once

#include <string>
#include <vector>

#include "common/config/model.h"

namespace lvs::config {

// "deadtime: from 5s to 6s", "virtual web: check from tcp to http",
// "virtual web, server one: weight from 1 to 2", "virtual mail: new", "virtual web, server two:
// gone". Blocks are the same if they have the same name; the order is the file's. What is not
// written down counts as its default, or as "nothing".
std::vector<std::string> differences(const Config& now, const Config& then);

// Why a reload must be refused, by both daemons alike, although the file is good: where heartbeats
// go and what the core is are settled when they start. "lvs.cf:3: backup: another value needs a
// restart, ..."; empty: nothing of that kind. A host name with other addresses is the same value.
std::string restart_needed(const Config& now, const Config& then, const std::string& file);

}  // namespace lvs::config
