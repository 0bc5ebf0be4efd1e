#include "common/config/not_in_effect.h"

#include "common/config/schema.h"

namespace lvs::config {

namespace {

template <typename B>
void collect(const std::vector<Key<B>>& keys, const B& block, CoreKind core, std::string_view file,
             Diagnostics& found) {
  for (const auto& key : keys) {
    const std::string instead = key.later ? key.later(block, core) : "";
    if (!instead.empty()) {
      found.push_back({Severity::warning, std::string(file), block.lines.of(key.name), key.name,
                       "not in effect yet: " + instead});
    }
  }
}

}  // namespace

Diagnostics not_in_effect(const Config& config, std::string_view file) {
  Diagnostics found;
  collect(global_keys(), config, config.core, file, found);
  for (const auto& service : config.virtuals) {
    collect(service_keys(), service, config.core, file, found);
    for (const auto& server : service.servers) {
      collect(server_keys(), server, config.core, file, found);
    }
  }
  for (const auto& service : config.failovers) {
    found.push_back({Severity::warning, std::string(file), service.lines.block, "failover",
                     "not in effect yet: failover services are not run"});
  }
  return found;
}

}  // namespace lvs::config
