#include "common/ipvs/types.h"

namespace lvs::ipvs {

std::string to_string(Protocol protocol) {
  switch (protocol) {
    case Protocol::tcp:
      return "TCP";
    case Protocol::udp:
      return "UDP";
    case Protocol::sctp:
      return "SCTP";
  }
  return std::to_string(static_cast<unsigned>(protocol));
}

std::string to_string(Forward forward) {
  switch (forward) {
    case Forward::masq:
      return "Masq";
    case Forward::local:
      return "Local";
    case Forward::tunnel:
      return "Tunnel";
    case Forward::direct:
      return "Route";
    case Forward::bypass:
      return "Bypass";
  }
  return std::to_string(static_cast<unsigned>(forward));
}

Family family_of(const ServiceKey& key) {
  const auto* mark = std::get_if<MarkKey>(&key);
  return mark != nullptr ? mark->family : std::get<AddressKey>(key).address.family();
}

std::string to_string(const ServiceKey& key) {
  if (const auto* mark = std::get_if<MarkKey>(&key)) {
    return "FWM " + std::to_string(mark->mark) + (mark->family == Family::v6 ? " IPv6" : "");
  }
  const auto& service = std::get<AddressKey>(key);
  return to_string(service.protocol) + " " + to_string(Endpoint{service.address, service.port});
}

std::string to_string(const DestKey& key) {
  return to_string(Endpoint{key.address, key.port});
}

}  // namespace lvs::ipvs
