// The configuration that an arbiter ran with, and which director it was: what its successor goes on
// with when the keeper starts it again: the file may be half edited, or its own address missing, in
// that moment. In the run folder: only a successor needs it, and an arbiter must not wait for a
// disk. An operator who starts pulse is told what is wrong instead.
#pragma once

#include <optional>
#include <string>

#include "common/result.h"
#include "pulse/wire.h"

namespace lvs::pulse {

struct LastGood {
  Node node = Node::primary;
  std::string text;  // Of lvs.cf.
  bool operator==(const LastGood&) const = default;
};

std::optional<LastGood> load_last_good(const std::string& run_dir);
Result<Ok> save_last_good(const std::string& run_dir, const LastGood& good);

std::string write_last_good(const LastGood& good);
std::optional<LastGood> read_last_good(const std::string& text);

}  // namespace lvs::pulse
