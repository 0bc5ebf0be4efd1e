#include "lvsd/kernel_advice.h"

#include <cerrno>

namespace lvs::lvsd {
namespace {

// The scheduler that a request asks for; empty when it asks for none.
std::string scheduler_of(const ipvs::Request& request) {
  if (const auto* made = std::get_if<ipvs::NewService>(&request)) {
    return made->service.scheduler;
  }
  const auto* edited = std::get_if<ipvs::SetService>(&request);
  return edited != nullptr ? edited->service.scheduler : "";
}

std::string daemon_advice(const ipvs::SyncDaemon& daemon, int code) {
  if (code == ENODEV) {
    return "there is no device " + daemon.interface + ": see syncd_iface";
  }
  if (code == EEXIST) {
    const char* role = daemon.role == ipvs::DaemonRole::master ? "master" : "backup";
    return std::string("one that is not lvsd's runs as ") + role +
           ": stop it with \"lvsadm --core kernel --stop-daemon " + role + "\"";
  }
  return "";
}

}  // namespace

std::string kernel_advice(const ipvs::Request& request, int code) {
  if (code == EPERM) {
    return "lvsd lacks CAP_NET_ADMIN in this network namespace: start it as root, with that right";
  }
  const std::string scheduler = scheduler_of(request);
  if (code == ENOENT && !scheduler.empty()) {
    return "the kernel has no scheduler " + scheduler +
           ", or it is not loaded: load it with \"modprobe ip_vs_" + scheduler + "\"";
  }
  if (const auto* begun = std::get_if<ipvs::NewDaemon>(&request)) {
    return daemon_advice(begun->daemon, code);
  }
  return "";
}

}  // namespace lvs::lvsd
