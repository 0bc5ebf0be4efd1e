// A check that is under way. Destroying it ends it, and then it does not speak any more; otherwise
// it speaks exactly once, and never before the call that started it has returned.
#pragma once

#include <functional>

#include "nanny/result.h"

namespace lvs::nanny::io {

class Probe {
 public:
  virtual ~Probe() = default;
};

using Tell = std::function<void(ProbeResult)>;

}  // namespace lvs::nanny::io
