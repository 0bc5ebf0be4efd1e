#include "tools/lvsctl/import/draft.h"

#include <algorithm>

namespace lvs::lvsctl::foreign {

void Draft::remark(Remark remark) {
  if (remarks.size() < kRemarksMax) {
    remarks.push_back(std::move(remark));
  }
}

int Draft::line_of(const config::VirtualService& service, const std::string& key) const {
  const auto found = key_lines_.find({service.lines.block, key});
  return found == key_lines_.end() ? service.lines.block : found->second;
}

void Draft::add(config::VirtualService service) {
  if (services.size() == kServicesMax || servers_ + service.servers.size() > kServersMax) {
    return leave(service.lines.block, "the service is one too many: no more than " +
                                          std::to_string(kServicesMax) + " services and " +
                                          std::to_string(kServersMax) + " servers are written");
  }
  servers_ += service.servers.size();
  if (service.name.empty()) {
    service.name = name_of(service);
  }
  services.push_back(std::move(service));
}

void Draft::add(config::VirtualService& service, config::RealServer server) {
  const bool is_there =
      std::any_of(service.servers.begin(), service.servers.end(), [&](const auto& other) {
        return other.address == server.address && other.port == server.port;
      });
  const std::string name = to_string(Endpoint{server.address, server.port});
  if (is_there) {
    return leave(server.lines.block, name + " is a server of this service already");
  }
  if (service.servers.size() == kServersMax) {
    return leave(server.lines.block, "the server " + name + " is one too many: no more than " +
                                         std::to_string(kServersMax) + " are written");
  }
  server.name = name;
  server.active = true;
  server.port_given = server.port != service.port;
  service.servers.push_back(std::move(server));
}

std::string name_of(const config::VirtualService& service) {
  if (service.fwmark != 0) {
    return "fwmark-" + std::to_string(service.fwmark) +
           (family_of(service) == Family::v6 ? "-v6" : "");
  }
  const Address address = service.address ? service.address->address : Address{};
  const std::string name = to_string(Endpoint{address, service.port});
  return service.protocol == ipvs::Protocol::tcp   ? name
         : service.protocol == ipvs::Protocol::udp ? name + "-udp"
                                                   : name + "-sctp";
}

}  // namespace lvs::lvsctl::foreign
