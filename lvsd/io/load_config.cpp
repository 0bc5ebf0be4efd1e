#include "lvsd/io/load_config.h"

#include "common/config/not_in_effect.h"
#include "common/io/read_file.h"
#include "common/io/resolve.h"

namespace lvs::lvsd::io {
namespace {

std::string all_errors(const config::Diagnostics& diagnostics) {
  std::string text;
  for (const auto& diagnostic : diagnostics) {
    if (diagnostic.severity == config::Severity::error) {
      text += (text.empty() ? "" : "\n") + config::to_string(diagnostic);
    }
  }
  return text;
}

}  // namespace

Result<LoadedConfig> load_config(const std::string& path) {
  const auto text = lvs::io::read_file(path, config::kMaxFileBytes);
  if (!text) {
    return text.error();
  }
  auto parsed = config::parse(*text, path, lvs::io::resolve);
  if (!parsed.config) {
    return Error{EINVAL, all_errors(parsed.diagnostics)};
  }
  LoadedConfig loaded{std::move(*parsed.config), {}};
  for (auto& diagnostic : parsed.diagnostics) {
    if (diagnostic.severity == config::Severity::warning) {
      loaded.remarks.push_back(std::move(diagnostic));
    }
  }
  for (auto& remark : config::not_in_effect(loaded.config, path)) {
    loaded.remarks.push_back(std::move(remark));
  }
  return loaded;
}

}  // namespace lvs::lvsd::io
