#include "common/ipvs/request.h"

#include <type_traits>

namespace lvs::ipvs {
namespace {

std::string at(const ServiceKey& service) {
  return to_string(service);
}

std::string server_of(const DestKey& server, const ServiceKey& service) {
  return to_string(server) + " of " + to_string(service);
}

std::string role_of(DaemonRole role) {
  return role == DaemonRole::master ? "master" : "backup";
}

template <typename T, typename... Types>
constexpr bool one_of = (std::is_same_v<T, Types> || ...);

struct Sentence {
  std::string operator()(const NewService& r) const { return "add service " + at(r.key); }
  std::string operator()(const SetService& r) const { return "change service " + at(r.key); }
  std::string operator()(const DelService& r) const { return "delete service " + at(r.key); }
  std::string operator()(const GetService& r) const { return "get service " + at(r.key); }
  std::string operator()(const GetServices&) const { return "list services"; }
  std::string operator()(const NewDest& r) const {
    return "add server " + to_string(r.key) + " to " + at(r.service);
  }
  std::string operator()(const SetDest& r) const {
    return "change server " + server_of(r.key, r.service);
  }
  std::string operator()(const DelDest& r) const {
    return "delete server " + server_of(r.key, r.service);
  }
  std::string operator()(const GetDests& r) const { return "list servers of " + at(r.service); }
  std::string operator()(const NewDaemon& r) const {
    return "start sync daemon " + role_of(r.daemon.role) + " on " + r.daemon.interface;
  }
  std::string operator()(const DelDaemon& r) const { return "stop sync daemon " + role_of(r.role); }
  std::string operator()(const GetDaemons&) const { return "list sync daemons"; }
  std::string operator()(const SetConfig& r) const {
    std::string text = "set time-outs:";
    for (const auto& [name, seconds] : {std::pair{" tcp ", r.timeouts.tcp},
                                        {" tcpfin ", r.timeouts.tcp_fin},
                                        {" udp ", r.timeouts.udp}}) {
      text += seconds == 0 ? "" : name + std::to_string(seconds) + " s";
    }
    return text;
  }
  std::string operator()(const GetConfig&) const { return "get timeouts"; }
  std::string operator()(const GetInfo&) const { return "get version"; }
  std::string operator()(const Zero& r) const {
    return r.key ? "zero counters of " + at(*r.key) : "zero all counters";
  }
  std::string operator()(const Flush&) const { return "clear the table"; }
  std::string operator()(const GetConnections&) const { return "list connections"; }
  std::string operator()(const KillConnections& r) const {
    return "kill connections of " + to_string(r.prefix) + "/" + std::to_string(r.length);
  }
  std::string operator()(const GetDrops&) const { return "list drops"; }
  std::string operator()(const SetSetting& r) const {
    return "set " + r.name + " to " + std::to_string(r.value);
  }
  std::string operator()(const GetSettings&) const { return "list settings"; }
  std::string operator()(const GetDenied&) const { return "list denied clients"; }
};

}  // namespace

bool changes_something(const Request& request) {
  return std::visit(
      []<typename R>(const R&) {
        return !one_of<R, GetService, GetServices, GetDests, GetDaemons, GetConfig, GetInfo,
                       GetConnections, GetDrops, GetSettings, GetDenied>;
      },
      request);
}

std::string to_string(const Request& request) {
  return std::visit(Sentence{}, request);
}

}  // namespace lvs::ipvs
