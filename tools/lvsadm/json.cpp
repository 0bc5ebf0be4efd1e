#include "tools/lvsadm/json.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "tools/lvsadm/values.h"

namespace lvs::lvsadm {
namespace {

namespace json = boost::json;
using namespace ipvs;

std::string line(const json::object& object) {
  return json::serialize(object) + "\n";
}

json::object stats_object(const Stats& s) {
  return {{"connections", s.connections}, {"in_packets", s.in_packets},
          {"out_packets", s.out_packets}, {"in_bytes", s.in_bytes},
          {"out_bytes", s.out_bytes},     {"connections_per_s", s.cps},
          {"in_packets_per_s", s.in_pps}, {"out_packets_per_s", s.out_pps},
          {"in_bytes_per_s", s.in_bps},   {"out_bytes_per_s", s.out_bps}};
}

json::object dest_object(const DestStatus& d) {
  json::object object{{"address", to_string(d.key.address)},
                      {"port", d.key.port},
                      {"forward", to_string(d.dest.forward)},
                      {"weight", d.dest.weight},
                      {"upper_threshold", d.dest.upper_threshold},
                      {"lower_threshold", d.dest.lower_threshold},
                      {"active", d.active},
                      {"inactive", d.inactive},
                      {"persistent", d.persistent},
                      {"stats", stats_object(d.stats)}};
  if (d.dest.forward == Forward::tunnel) {
    constexpr const char* kTypes[] = {"ipip", "gue", "gre"};
    object["tunnel_type"] = kTypes[static_cast<size_t>(d.dest.tunnel_type)];
    object["tunnel_port"] = d.dest.tunnel_port;
    object["tunnel_flags"] = d.dest.tunnel_flags;
  }
  return object;
}

json::object service_object(const ListedService& listed) {
  const auto& [status, dests] = listed;
  json::object object;
  if (const auto* mark = std::get_if<MarkKey>(&status.key)) {
    object = {{"mark", mark->mark}, {"family", mark->family == Family::v4 ? "IPv4" : "IPv6"}};
  } else {
    const auto& key = std::get<AddressKey>(status.key);
    object = {{"protocol", to_string(key.protocol)},
              {"address", to_string(key.address)},
              {"port", key.port}};
  }
  const Service& s = status.service;
  object["scheduler"] = s.scheduler;
  object["scheduler_flags"] = scheduler_flag_names(s.flags, s.scheduler);
  object["one_packet"] = (s.flags & kOnePacket) != 0;
  if ((s.flags & kPersistent) != 0) {
    object["persistence"] = {
        {"timeout_s", s.timeout}, {"prefix", s.prefix}, {"engine", s.persistence_engine}};
  }
  object["stats"] = stats_object(status.stats);
  json::array servers;
  for (const DestStatus& dest : dests) {
    servers.push_back(dest_object(dest));
  }
  object["servers"] = std::move(servers);
  return object;
}

json::object endpoint_object(const Endpoint& endpoint) {
  return {{"address", to_string(endpoint.address)}, {"port", endpoint.port}};
}

}  // namespace

std::string json_text(const Info& info, const std::vector<ListedService>& table) {
  json::array services;
  for (const ListedService& listed : table) {
    services.push_back(service_object(listed));
  }
  return line(
      {{"connection_table_size", info.connection_table_size}, {"services", std::move(services)}});
}

std::string json_text(const std::vector<Connection>& connections) {
  json::array all;
  for (const Connection& c : connections) {
    all.push_back({{"protocol", c.protocol},
                   {"client", endpoint_object(c.client)},
                   {"virtual", endpoint_object(c.virtual_service)},
                   {"server", endpoint_object(c.destination)},
                   {"state", c.state},
                   {"expires_s", c.expires_s},
                   {"template", c.is_template},
                   {"engine", c.persistence_engine},
                   {"engine_data", c.persistence_data}});
  }
  return line({{"connections", std::move(all)}});
}

std::string json_text(const Timeouts& t) {
  return line({{"tcp_s", t.tcp}, {"tcp_fin_s", t.tcp_fin}, {"udp_s", t.udp}});
}

std::string json_text(const std::vector<SyncDaemon>& daemons) {
  json::array all;
  for (const SyncDaemon& d : daemons) {
    all.push_back({{"role", d.role == DaemonRole::master ? "master" : "backup"},
                   {"interface", d.interface},
                   {"sync_id", d.sync_id},
                   {"max_length", d.max_length},
                   {"group", d.group ? to_string(*d.group) : ""},
                   {"port", d.port},
                   {"ttl", d.ttl}});
  }
  return line({{"daemons", std::move(all)}});
}

std::string json_text(const std::vector<DropCounter>& drops) {
  json::array all;
  for (const DropCounter& drop : drops) {
    all.push_back({{"reason", drop.reason}, {"packets", drop.packets}});
  }
  return line({{"drops", std::move(all)}});
}

std::string json_text(const std::vector<DeniedPrefix>& denied) {
  json::array all;
  for (const DeniedPrefix& one : denied) {
    all.push_back({{"prefix", to_string(one.prefix)}, {"packets", one.packets}});
  }
  return line({{"denied", std::move(all)}});
}

std::string json_text(const std::vector<SettingStatus>& settings) {
  json::object all;
  for (const SettingStatus& setting : settings) {
    all[setting.name] = setting.value;
  }
  return line({{"settings", std::move(all)}});
}

}  // namespace lvs::lvsadm
