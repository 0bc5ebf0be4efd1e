#include "tools/lvsctl/metrics/table.h"

#include <array>
#include <cstdio>
#include <functional>
#include <vector>

#include "tools/lvsctl/metrics/fields.h"

namespace lvs::lvsctl {
namespace {

namespace json = boost::json;
using Type = OpenMetrics::Type;

// "10.0.0.1:80", "[2001:db8::1]:80"
struct Place {
  std::string_view address;
  std::string_view port;

  static Place of(std::string_view text) {
    const size_t colon = text.rfind(':');
    if (colon == std::string_view::npos) {
      return {text, "0"};
    }
    std::string_view address = text.substr(0, colon);
    if (address.starts_with('[')) {
      address = address.substr(1, address.size() - 2);
    }
    return {address, text.substr(colon + 1)};
  }
};

// It is in the table, with a weight. The sorry server is no real server.
bool takes_connections(const json::object& server) {
  return word_at(server, "standing") != "sorry" && number_at(server, "weight").value_or(0) > 0 &&
         flag_at(server, "has_way").value_or(true);
}

// "TCP 192.0.2.1:80", "FWM 80", "FWM 80 IPv6"; a mark as /proc/net/ip_vs writes it.
struct Service {
  const json::object* json;
  std::string_view name;  // Two may have one.
  std::string_view key;
  std::string_view protocol;
  Place local{"", "0"};
  std::string mark;

  static Service of(const json::object& object) {
    const std::string_view key = word_at(object, "service");
    const size_t blank = std::min(key.find(' '), key.size());
    Service service{&object, word_at(object, "name"), key, key.substr(0, blank), {"", "0"}, ""};
    const std::string_view rest = key.substr(std::min(blank + 1, key.size()));
    if (service.protocol != "FWM") {
      service.local = Place::of(rest);
      return service;
    }
    std::array<char, 9> hex{};
    std::snprintf(hex.data(), hex.size(), "%08X",
                  static_cast<unsigned>(std::strtoul(std::string(rest).c_str(), nullptr, 10)));
    service.mark = hex.data();
    return service;
  }
};

struct Server {
  const Service* service;
  const json::object* json;
  std::string_view name;
  Place remote;
};

class TableWriter {
 public:
  TableWriter(const json::object& lvsd, OpenMetrics& out) : out_(out) {
    const json::array& services = array_at(lvsd, "services");
    services_.reserve(services.size());  // Servers point into it.
    for (const auto& each : services) {
      if (each.is_object()) {
        services_.push_back(Service::of(each.get_object()));
      }
    }
    for (const Service& service : services_) {
      for (const auto& each : array_at(*service.json, "servers")) {
        if (each.is_object()) {
          const auto& server = each.get_object();
          servers_.push_back(
              {&service, &server, word_at(server, "name"), Place::of(word_at(server, "address"))});
        }
      }
    }
  }

  void write() {
    write_totals();
    write_backends();
    write_services();
    write_servers();
  }

 private:
  void write_totals() {
    total("connections", "The total number of connections made.", "connections");
    total("incoming_packets", "The total number of incoming packets.", "in_packets");
    total("outgoing_packets", "The total number of outgoing packets.", "out_packets");
    total("incoming_bytes", "The total amount of incoming data.", "in_bytes");
    total("outgoing_bytes", "The total amount of outgoing data.", "out_bytes");
  }

  void total(const std::string& name, const char* help, const char* field) {
    int64_t sum = 0;
    for (const Service& service : services_) {
      sum += number_at(*service.json, field).value_or(0);
    }
    out_.family("node_ipvs_" + name, Type::counter, help);
    out_.sample({}, sum);
  }

  void write_backends() {
    backend("connections_active", "The current active connections by local and remote address.",
            "active");
    backend("connections_inactive", "The current inactive connections by local and remote address.",
            "inactive");
    backend("weight", "The current backend weight by local and remote address.", "weight");
  }

  void backend(const std::string& name, const char* help, const char* field) {
    out_.family("node_ipvs_backend_" + name, Type::gauge, help);
    for (const Server& server : servers_) {
      if (const auto value = number_at(*server.json, field)) {
        const Service& service = *server.service;
        out_.sample({{"local_address", service.local.address},
                     {"local_port", service.local.port},
                     {"local_mark", service.mark},
                     {"remote_address", server.remote.address},
                     {"remote_port", server.remote.port},
                     {"proto", service.protocol}},
                    *value);
      }
    }
  }

  void write_services() {
    out_.family("lvs_service_servers_up", Type::gauge,
                "Real servers of the service that take connections, and to which there is a way.");
    for (const Service& service : services_) {
      int64_t up = 0;
      for (const auto& each : array_at(*service.json, "servers")) {
        up += each.is_object() && takes_connections(each.get_object()) ? 1 : 0;
      }
      out_.sample({{"service", service.name}, {"key", service.key}}, up);
    }
    out_.family("lvs_service_unserved", Type::gauge,
                "Whether a client of the service gets nobody, not even its sorry server.");
    for (const Service& service : services_) {
      if (service.json->contains("unserved")) {
        out_.sample({{"service", service.name}, {"key", service.key}},
                    !word_at(*service.json, "unserved").empty());
      }
    }
    out_.family("lvs_service_sorry", Type::gauge, "Whether the sorry server serves.");
    for (const Service& service : services_) {
      bool sorry = false;
      for (const auto& each : array_at(*service.json, "servers")) {
        sorry = sorry || (each.is_object() && word_at(each.get_object(), "standing") == "sorry");
      }
      out_.sample({{"service", service.name}, {"key", service.key}}, sorry);
    }
    for (const auto& [name, help, field] :
         {std::array{"lvs_service_connections", "Connections made to the service.", "connections"},
          std::array{"lvs_service_incoming_packets", "Packets from clients.", "in_packets"},
          std::array{"lvs_service_outgoing_packets", "Packets to clients that passed here.",
                     "out_packets"},
          std::array{"lvs_service_incoming_bytes", "Bytes from clients.", "in_bytes"},
          std::array{"lvs_service_outgoing_bytes", "Bytes to clients that passed here.",
                     "out_bytes"}}) {
      const bool is_bytes = std::string_view(name).ends_with("bytes");
      out_.family(name, Type::counter, help, is_bytes ? "bytes" : "");
      for (const Service& service : services_) {
        if (const auto value = number_at(*service.json, field)) {
          out_.sample({{"service", service.name}, {"key", service.key}}, *value);
        }
      }
    }
  }

  void write_servers() {
    of_servers("lvs_server_up", "Whether the checks of the server pass: 1 they do, 0 they fail.",
               "", [](const json::object& server) -> std::optional<double> {
                 const std::string_view health = word_at(server, "health");
                 return health == "up"     ? std::optional(1.0)
                        : health == "down" ? std::optional(0.0)
                                           : std::nullopt;
               });
    of_servers("lvs_server_unchecked",
               "Whether no check of the server could be made yet: why not is in lvsctl status.", "",
               [](const json::object& server) -> std::optional<double> {
                 const std::string_view health = word_at(server, "health");
                 return health == "unchecked" ? std::nullopt
                                              : std::optional(health == "unknown" ? 1.0 : 0.0);
               });
    of_servers("lvs_server_unreachable",
               "Whether this director has no way of its own to the server.", "",
               [](const json::object& server) -> std::optional<double> {
                 const auto has_way = flag_at(server, "has_way");
                 return has_way ? std::optional(*has_way ? 0.0 : 1.0) : std::nullopt;
               });
    of_servers("lvs_server_check_latency_seconds",
               "How long the check took that decided about the server.", "seconds",
               [](const json::object& server) -> std::optional<double> {
                 const auto latency = number_at(server, "latency_us");
                 return latency ? std::optional(static_cast<double>(*latency) / 1e6) : std::nullopt;
               });
  }

  // Of servers that lvs.cf names: the sorry server and those that drain have no name.
  void of_servers(const char* name, const char* help, const char* unit,
                  const std::function<std::optional<double>(const json::object&)>& value_of) {
    out_.family(name, Type::gauge, help, unit);
    for (const Server& server : servers_) {
      const auto value = server.name.empty() ? std::nullopt : value_of(*server.json);
      if (value) {
        out_.sample({{"service", server.service->name},
                     {"key", server.service->key},
                     {"server", server.name},
                     {"address", word_at(*server.json, "address")}},
                    *value);
      }
    }
  }

  OpenMetrics& out_;
  std::vector<Service> services_;
  std::vector<Server> servers_;
};

}  // namespace

void write_table(const json::object& lvsd, OpenMetrics& out) {
  TableWriter(lvsd, out).write();
}

}  // namespace lvs::lvsctl
