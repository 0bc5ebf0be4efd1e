#include "tools/lvsadm/texts.h"

#include <cstring>

namespace lvs::lvsadm {
namespace {

using namespace ipvs;

constexpr const char* kNoScheduler = "Scheduler or persistence engine not found";
constexpr const char* kNoService = "No such service";
constexpr const char* kServiceNotDefined = "Service not defined";
constexpr const char* kNoDestination = "No such destination";

// What an errno means to one kind of request; null where it means the same to all.
struct Meaning {
  int code;

  template <typename R>
  const char* operator()(const R&) const {
    return nullptr;
  }
  const char* operator()(const NewService&) const {
    return code == EEXIST ? "Service already exists" : code == ENOENT ? kNoScheduler : nullptr;
  }
  const char* operator()(const SetService&) const {
    return code == ESRCH ? kNoService : code == ENOENT ? kNoScheduler : nullptr;
  }
  const char* operator()(const DelService&) const { return no_service(); }
  const char* operator()(const Zero&) const { return no_service(); }
  const char* operator()(const GetService&) const { return no_service(); }
  const char* operator()(const GetServices&) const { return no_service(); }
  const char* operator()(const GetDests&) const { return no_service(); }
  const char* operator()(const NewDest&) const {
    return code == ESRCH    ? kServiceNotDefined
           : code == EEXIST ? "Destination already exists"
                            : nullptr;
  }
  const char* operator()(const SetDest&) const { return no_destination(); }
  const char* operator()(const DelDest&) const { return no_destination(); }
  const char* operator()(const NewDaemon&) const {
    return code == EEXIST ? "Daemon has already run" : nullptr;
  }
  const char* operator()(const DelDaemon&) const {
    return code == ESRCH ? "No daemon is running" : nullptr;
  }

  const char* no_service() const { return code == ESRCH ? kNoService : nullptr; }
  const char* no_destination() const {
    return code == ESRCH ? kServiceNotDefined : code == ENOENT ? kNoDestination : nullptr;
  }
};

const char* general_text(int code) {
  switch (code) {
    case EPERM:
      return "Permission denied (you must be root)";
    case EINVAL:
      return "Invalid operation.  Possibly wrong module version, address not unicast, ...";
    case ENOPROTOOPT:
      return "Protocol not available";
    case ENOMEM:
      return "Memory allocation problem";
    case EAFNOSUPPORT:
      return "Operation not supported with specified address family";
    case EMSGSIZE:
      return "Module is wrong version";
    case ERANGE:
    case ENODEV:
      return std::strerror(code);
    default:
      return nullptr;
  }
}

}  // namespace

std::string error_text(const Request& request, const Error& error) {
  if (std::holds_alternative<SetSetting>(request) && error.code != EPERM) {
    return error.what;  // No command of ipvsadm's.
  }
  const char* text = std::visit(Meaning{error.code}, request);
  text = text != nullptr ? text : general_text(error.code);
  return text != nullptr ? text : error.what;
}

}  // namespace lvs::lvsadm
