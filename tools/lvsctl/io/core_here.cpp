#include "tools/lvsctl/io/core_here.h"

#include <net/if.h>

#include "common/io/read_file.h"
#include "lvsd/core/io/frozen.h"

namespace lvs::lvsctl {
namespace {

constexpr const char* kDeviceOfTheEmbedded = "ipvs0";
constexpr const char* kTableOfTheKernels = "/proc/net/ip_vs";
constexpr size_t kTableMax = 64 << 20;

}  // namespace

CoreHere core_here() {
  if (::if_nametoindex(kDeviceOfTheEmbedded) != 0) {
    const auto core = core::Frozen::open();
    return core && !core->armed() ? CoreHere::idle : CoreHere::yes;
  }
  const auto table = io::read_file(kTableOfTheKernels, kTableMax);
  const bool has_services =
      table &&
      (table->find("\nTCP ") != std::string::npos || table->find("\nUDP ") != std::string::npos ||
       table->find("\nSCTP ") != std::string::npos || table->find("\nFWM ") != std::string::npos);
  return has_services ? CoreHere::yes : CoreHere::no;
}

}  // namespace lvs::lvsctl
