#include "pulse/io/realtime.h"

#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <cerrno>
#include <cstring>

namespace lvs::pulse {
namespace {

constexpr int kPriority = 20;
constexpr rlim_t kBusyMaxUs = 1'000'000;

}  // namespace

std::vector<std::string> ask_for_realtime() {
  std::vector<std::string> missing;
  const rlimit busy{kBusyMaxUs, kBusyMaxUs};
  const sched_param priority{kPriority};
  if (::setrlimit(RLIMIT_RTTIME, &busy) != 0 ||
      ::sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &priority) != 0) {
    missing.push_back("real-time priority: " + std::string(std::strerror(errno)));
  }
  if (::mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) != 0) {
    missing.push_back("locked memory: " + std::string(std::strerror(errno)));
  }
  return missing;
}

}  // namespace lvs::pulse
