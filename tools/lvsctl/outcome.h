// What became of something that the operator asked for.
#pragma once

#include <string>

namespace lvs::lvsctl {

struct Outcome {
  bool done = false;
  std::string text;
};

}  // namespace lvs::lvsctl
