#include "lvsd/io/load_config.h"

#include <iterator>
#include <utility>

#include "common/io/read_file.h"

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

ConfigFile::ConfigFile(std::string path, config::Resolver resolve)
    : path_(std::move(path)), reader_(path_, std::move(resolve), config::Severity::warning) {
}

Result<LoadedConfig> ConfigFile::load() {
  auto text = lvs::io::read_file(path_, config::kMaxFileBytes, reader_.take_spent());
  if (!text) {
    return text.error();
  }
  text_ = *text;
  return read(std::move(*text));
}

Result<LoadedConfig> ConfigFile::load_from(std::string text) {
  text_ = text;
  return read(std::move(text));
}

bool ConfigFile::is_edited() const {
  const auto text = lvs::io::read_file(path_, config::kMaxFileBytes);
  return !text || *text != kept_;
}

Result<LoadedConfig> ConfigFile::load_kept() {
  return read(kept_);
}

Result<LoadedConfig> ConfigFile::read(std::string text) {
  auto parsed = reader_.read(std::move(text));
  if (!parsed.config) {
    return Error{EINVAL, all_errors(parsed.diagnostics)};
  }
  auto& remarks = parsed.diagnostics;
  std::move(parsed.not_in_effect.begin(), parsed.not_in_effect.end(), std::back_inserter(remarks));
  return LoadedConfig{std::move(*parsed.config), std::move(remarks)};
}

}  // namespace lvs::lvsd::io
