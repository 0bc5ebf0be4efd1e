#include "tools/lvsctl/io/core_here.h"

#include <net/if.h>

#include "common/io/read_file.h"

namespace lvs::lvsctl {
namespace {

constexpr const char* kDeviceOfTheEmbedded = "ipvs0";
constexpr const char* kTableOfTheKernels = "/proc/net/ip_vs";
constexpr size_t kTableMax = 64 << 20;

}  // namespace

bool is_core_here() {
  if (::if_nametoindex(kDeviceOfTheEmbedded) != 0) {
    return true;
  }
  const auto table = io::read_file(kTableOfTheKernels, kTableMax);
  return table && (table->find("\nTCP ") != std::string::npos ||
                   table->find("\nUDP ") != std::string::npos ||
                   table->find("\nSCTP ") != std::string::npos ||
                   table->find("\nFWM ") != std::string::npos);
}

}  // namespace lvs::lvsctl
