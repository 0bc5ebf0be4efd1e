#include "pulse/io/last_good.h"

#include "common/config/parse.h"
#include "common/io/read_file.h"

namespace lvs::pulse {
namespace {

constexpr const char* kFile = "/pulse.good";
constexpr size_t kFirstLineMax = 16;  // "primary" or "backup".

}  // namespace

std::string write_last_good(const LastGood& good) {
  return std::string(name(good.node)) + "\n" + good.text;
}

std::optional<LastGood> read_last_good(const std::string& text) {
  const size_t end = text.find('\n');
  for (const Node node : {Node::primary, Node::backup}) {
    if (end != std::string::npos && text.substr(0, end) == name(node)) {
      return LastGood{node, text.substr(end + 1)};
    }
  }
  return std::nullopt;
}

std::optional<LastGood> load_last_good(const std::string& run_dir) {
  const auto text = io::read_file(run_dir + kFile, config::kMaxFileBytes + kFirstLineMax);
  return text ? read_last_good(*text) : std::nullopt;
}

Result<Ok> save_last_good(const std::string& run_dir, const LastGood& good) {
  return io::write_file_atomically(run_dir + kFile, write_last_good(good), 0600);
}

}  // namespace lvs::pulse
