#include "tools/lvsadm/where.h"

#include <algorithm>
#include <array>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <utility>

namespace lvs::lvsadm {
namespace {

namespace json = boost::json;
using namespace ipvs;

constexpr std::array<std::pair<const char*, const char*>, 15> kRefusals = {{
    {"not-own-address", "the address is none of this director's"},
    {"passed-not-armed", "this director is not the active one"},
    {"passed-no-service", "no virtual service is for it"},
    {"passed-not-a-new-connection", "it begins no connection"},
    {"no-destination",
     "no real server may take a new connection: none there, all of weight 0, or all full"},
    {"destination-removed", "its real server was removed; expire_nodest_conn is off"},
    {"any-port-service-not-persistent", "the service of every port is not persistent"},
    {"no-route", "no way to the real server: see ip route get"},
    {"drop-packet", "the setting drop_packet takes this one"},
    {"denied", "lvs.cf denies this client: lvsadm --deny"},
    {"no-call-id", "the service goes by the Call-ID of a SIP message, and this packet has none"},
    {"connection-table-full", "the connection table is full"},
    {"template-table-full", "the table of templates is full"},
    {"too-big", "it does not fit the way to the real server"},
    {"reply", "it is the reply of a real server"},
}};

std::string words_for(const std::string& refusal) {
  const auto* found = std::find_if(kRefusals.begin(), kRefusals.end(),
                                   [&](const auto& one) { return refusal == one.first; });
  return found == kRefusals.end() ? "" : std::string(": ") + found->second;
}

const char* name_of(ChosenBy by) {
  switch (by) {
    case ChosenBy::nobody:
      return "nobody";
    case ChosenBy::connection:
      return "connection";
    case ChosenBy::persistence:
      return "persistence";
    case ChosenBy::scheduler:
      return "scheduler";
  }
  return "";
}

std::string line(const std::string& title, const std::string& text) {
  constexpr size_t kColumn = 12;
  return title + std::string(kColumn - std::min(kColumn, title.size()), ' ') + text + "\n";
}

std::string seconds(uint32_t count) {
  return std::to_string(count) + " s";
}

std::string chosen_by(const Whereabouts& answer) {
  switch (answer.by) {
    case ChosenBy::connection:
      return "the connection that is there";
    case ChosenBy::persistence:
      return "the template of its client, for " + seconds(answer.persistence->expires_s) + " more";
    case ChosenBy::scheduler:
      return "the scheduler " + answer.scheduler + ", if it came now";
    case ChosenBy::nobody:
      break;
  }
  return "";
}

std::string way_of(const Whereabouts& answer) {
  const Whereabouts::Way& way = answer.way;
  std::string text = to_string(answer.forward);
  if (way.is_local) {
    return text + ", to this director itself";
  }
  if (way.device.empty()) {
    return text;
  }
  text += ", by device " + way.device;
  if (way.next_hop) {
    text += " to " + to_string(*way.next_hop);
  }
  return text + (way.mac.empty() ? " (its MAC is not known yet)" : " (" + way.mac + ")");
}

json::object endpoint_object(const Endpoint& endpoint) {
  return {{"address", to_string(endpoint.address)}, {"port", endpoint.port}};
}

}  // namespace

std::string print_where(const WherePacket& packet, const std::string& marked_by,
                        const Whereabouts& answer) {
  std::string text = line(
      "packet", to_string(packet.protocol) + " " + to_string(packet.client) + " -> " +
                    to_string(packet.virtual_service) +
                    (packet.mark != 0 ? ", mark " + std::to_string(packet.mark) : std::string()));
  if (packet.mark != 0) {
    text += line("marked by", marked_by);
  }
  if (answer.connection) {
    text += line("connection", answer.connection->state + ", to " +
                                   to_string(answer.connection->destination) + ", for " +
                                   seconds(answer.connection->expires_s) + " more");
  }
  if (answer.service) {
    text += line("service", to_string(*answer.service) + ", " + answer.scheduler);
  }
  if (answer.persistence) {
    text += line("template", "of " + to_string(answer.persistence->client) + "/" +
                                 std::to_string(answer.persistence->prefix) + ", for " +
                                 seconds(answer.persistence->expires_s) + " more");
  }
  if (answer.server) {
    text += line("server", to_string(*answer.server) + ", weight " + std::to_string(answer.weight) +
                               ", " + std::to_string(answer.active) + " active, " +
                               std::to_string(answer.inactive) + " inactive");
    text += line("chosen by", chosen_by(answer));
  }
  if (!answer.full.empty()) {
    text += line("full", answer.full + ": another entry must end first, else it is dropped");
  }
  if (answer.refusal.empty()) {
    text += line("way", way_of(answer));
  } else {
    text += line("refused", answer.refusal + words_for(answer.refusal));
  }
  return text;
}

std::string json_where(const WherePacket& packet, const std::string& marked_by,
                       const Whereabouts& answer) {
  json::object object{{"protocol", to_string(packet.protocol)},
                      {"client", endpoint_object(packet.client)},
                      {"virtual", endpoint_object(packet.virtual_service)},
                      {"mark", packet.mark},
                      {"forwarded", answer.refusal.empty()},
                      {"chosen_by", name_of(answer.by)}};
  if (packet.mark != 0) {
    object["marked_by"] = marked_by;
  }
  if (!answer.refusal.empty()) {
    object["refused"] = answer.refusal;
  }
  if (!answer.full.empty()) {
    object["full"] = answer.full;
  }
  if (answer.connection) {
    object["connection"] = {{"state", answer.connection->state},
                            {"destination", endpoint_object(answer.connection->destination)},
                            {"expires_s", answer.connection->expires_s}};
  }
  if (answer.service) {
    object["service"] = to_string(*answer.service);
    object["scheduler"] = answer.scheduler;
  }
  if (answer.persistence) {
    object["template"] = {{"client", to_string(answer.persistence->client)},
                          {"prefix", answer.persistence->prefix},
                          {"expires_s", answer.persistence->expires_s}};
  }
  if (answer.server) {
    json::object server = endpoint_object(*answer.server);
    server["forward"] = to_string(answer.forward);
    server["weight"] = answer.weight;
    server["active"] = answer.active;
    server["inactive"] = answer.inactive;
    object["server"] = std::move(server);
  }
  if (answer.server && answer.refusal.empty()) {
    object["way"] = {
        {"local", answer.way.is_local},
        {"device", answer.way.device},
        {"next_hop", answer.way.next_hop ? to_string(*answer.way.next_hop) : std::string()},
        {"mac", answer.way.mac}};
  }
  return json::serialize(object) + "\n";
}

}  // namespace lvs::lvsadm
