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

// Who writes active = 0 knows it.
template <typename B>
bool is_forgotten(const B& block) {
  return !block.active && !block.lines.has("active");
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
  if (is_forgotten(service)) {
    found.push_back({Severity::warning, "", service.lines.block, "virtual",
                     "not in effect: " + service.name + " is not served without active = 1"});
  }
  for (const auto& server : service.servers) {
    collect(server_keys(), server, core, found);
    if (service.active && is_forgotten(server)) {
      found.push_back({Severity::warning, "", server.lines.block, "server",
                       "not in effect: " + server.name + " is not used without active = 1"});
    }
  }
  return found;
}

Diagnostics failover_not_in_effect() {
  return {
      {Severity::warning, "", 0, "failover", "not in effect yet: failover services are not run"}};
}

}  // namespace lvs::config
