#include "common/config/not_in_effect.h"

#include "common/config/schema.h"

namespace lvs::config {

namespace {

template <typename B>
void collect(const std::vector<Key<B>>& keys, const B& block, CoreKind core, Diagnostics& found) {
  for (const auto& key : keys) {
    const std::string instead = key.later ? key.later(block, core) : "";
    if (!instead.empty()) {
      found.push_back({Severity::warning, "", block.lines.of(key.name), key.name,
                       "not in effect yet: " + instead});
    }
  }
}

}  // namespace

Diagnostics not_in_effect(const Globals& globals) {
  Diagnostics found;
  collect(global_keys(), globals, globals.core, found);
  return found;
}

Diagnostics not_in_effect(const VirtualService& service, CoreKind core) {
  Diagnostics found;
  collect(service_keys(), service, core, found);
  for (const auto& server : service.servers) {
    collect(server_keys(), server, core, found);
  }
  return found;
}

Diagnostics failover_not_in_effect() {
  return {
      {Severity::warning, "", 0, "failover", "not in effect yet: failover services are not run"}};
}

}  // namespace lvs::config
