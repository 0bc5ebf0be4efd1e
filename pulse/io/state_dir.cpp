#include "pulse/io/state_dir.h"

#include <cinttypes>
#include <cstdio>

namespace lvs::pulse {
namespace {

constexpr const char* kFolder = "/var/lib/lvs/pulse";

}  // namespace

std::string names_file() {
  return std::string(kFolder) + "/names";
}

std::string state_file(const Settings& settings, const std::string& what) {
  char pair[17];
  std::snprintf(pair, sizeof pair, "%016" PRIx64, settings.cluster_id);
  return std::string(kFolder) + "/" + pair + "-" + name(settings.node) + "." + what;
}

}  // namespace lvs::pulse
