// The kernel's ip_vs as lvsd's data plane. The module may be missing, be unloaded under us and come
// back under another family number: each is an error of a call, and a later call finds out whether
// it is over.
#pragma once

#include <memory>

#include "lvsd/io/plane.h"

namespace lvs::lvsd::io {

std::unique_ptr<Plane> kernel_plane();

}  // namespace lvs::lvsd::io
