// The name by which an embedded core is found, in the folder of its network namespace.
#pragma once

namespace lvs::ipvs::io {

inline constexpr const char* kCoreSocket = "/ipvs";

}  // namespace lvs::ipvs::io
