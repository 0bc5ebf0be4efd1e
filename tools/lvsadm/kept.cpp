#include "tools/lvsadm/kept.h"

#include <optional>

namespace lvs::lvsadm {
namespace {

namespace json = boost::json;
using namespace ipvs;

struct Touched {
  std::optional<ServiceKey> service;  // Nothing: all of them.
  std::optional<DestKey> server = {};
};

std::optional<Touched> touched_by(const Request& request) {
  return std::visit(
      [](const auto& one) -> std::optional<Touched> {
        using One = std::decay_t<decltype(one)>;
        if constexpr (std::is_same_v<One, NewService> || std::is_same_v<One, SetService> ||
                      std::is_same_v<One, DelService>) {
          return Touched{one.key};
        } else if constexpr (std::is_same_v<One, NewDest> || std::is_same_v<One, SetDest> ||
                             std::is_same_v<One, DelDest>) {
          return Touched{one.service, one.key};
        } else if constexpr (std::is_same_v<One, Flush>) {
          return Touched{};
        } else {
          return std::nullopt;
        }
      },
      request);
}

int number_in(const json::value& value) {
  return value.is_int64() ? static_cast<int>(value.get_int64()) : 0;
}

KeptService service_in(const json::object& object) {
  KeptService service;
  if (const json::value* line = object.if_contains("line")) {
    service.line = number_in(*line);
  }
  const json::value* servers = object.if_contains("servers");
  if (servers != nullptr && servers->is_object()) {
    for (const auto& [name, line] : servers->get_object()) {
      service.servers[std::string(name)] = number_in(line);
    }
  }
  return service;
}

std::string note(const std::string& what, const std::string& where) {
  return "lvsadm: warning: lvsd keeps " + what + " as " + where +
         " says, and sets it back within seconds\nTo change it, edit that file, then lvsctl "
         "reload; a server rests with weight = 0 (MAINTENANCE in lvsadm(8))\n";
}

}  // namespace

bool is_about_table(const Request& request) {
  return touched_by(request).has_value();
}

Kept kept_in(const json::object& answer, const std::string& core) {
  Kept kept;
  const json::value* drives = answer.if_contains("core");
  const json::value* file = answer.if_contains("file");
  const json::value* services = answer.if_contains("services");
  if (drives == nullptr || *drives != json::string(core) || file == nullptr || !file->is_string() ||
      services == nullptr || !services->is_object()) {
    return kept;
  }
  kept.file = file->get_string();
  for (const auto& [name, service] : services->get_object()) {
    if (service.is_object()) {
      kept.services[std::string(name)] = service_in(service.get_object());
    }
  }
  return kept;
}

std::string kept_note(const Request& request, const Kept& kept) {
  const auto touched = touched_by(request);
  if (!touched || kept.services.empty()) {
    return "";
  }
  if (!touched->service) {
    return note(std::to_string(kept.services.size()) + " services", kept.file);
  }
  const auto service = kept.services.find(to_string(*touched->service));
  if (service == kept.services.end()) {
    return "";
  }
  const std::string in_line = kept.file + ":";
  if (touched->server) {
    const auto& servers = service->second.servers;
    const auto server = servers.find(to_string(*touched->server));
    return server == servers.end()
               ? note("the servers of this service", in_line + std::to_string(service->second.line))
               : note("this server", in_line + std::to_string(server->second));
  }
  return note("this service", in_line + std::to_string(service->second.line));
}

}  // namespace lvs::lvsadm
