#include "lvsd/host_settings.h"

#include <algorithm>
#include <tuple>

#include "lvsd/held_back.h"

namespace lvs::lvsd {
namespace {

constexpr const char* kOfCore = "net/ipv4/vs/";

bool has_nat_server(const config::Config& config, const config::VirtualService& service) {
  const auto servers = active_servers(service);
  return std::any_of(servers.begin(), servers.end(), [&](const auto& server) {
    return config::effective_forward(config, service, *server.second) == ipvs::Forward::masq;
  });
}

bool needs_forwarding(const config::Config& config, const ActiveServices& services, Family family) {
  return std::any_of(services.begin(), services.end(), [&](const auto& service) {
    return family_of(*service.second) == family &&
           (config.core == config::CoreKind::embedded || has_nat_server(config, *service.second));
  });
}

bool is_persistent(const ActiveServices& services) {
  return std::any_of(services.begin(), services.end(), [](const auto& service) {
    return service.second->persistent > Duration::zero();
  });
}

struct DefenceKey {
  const char* name;
  std::optional<uint32_t> config::Globals::*member;
  bool is_mode;
};
constexpr DefenceKey kDefence[] = {
    {"drop_entry", &config::Globals::drop_entry, true},
    {"drop_packet", &config::Globals::drop_packet, true},
    {"secure_tcp", &config::Globals::secure_tcp, true},
    {"am_droprate", &config::Globals::am_droprate, false},
    {"amemthresh", &config::Globals::amemthresh, false},
};

void add_defence(const config::Config& config, std::vector<Sysctl>& settings) {
  for (const auto& key : kDefence) {
    if (const auto& value = config.*key.member) {
      settings.push_back({std::string(kOfCore) + key.name, std::to_string(*value)});
    }
  }
}

// During a shortage either core makes 2 of these by itself.
bool is_mode_of_defence(const std::string& name) {
  return std::any_of(std::begin(kDefence), std::end(kDefence), [&](const DefenceKey& key) {
    return key.is_mode && name == std::string(kOfCore) + key.name;
  });
}

}  // namespace

bool is_as_set(const Sysctl& set, const std::string& value) {
  return value == set.value || (set.value == "1" && value == "2" && is_mode_of_defence(set.name));
}

bool is_of_core(const Sysctl& sysctl) {
  return sysctl.name.starts_with(kOfCore);
}

std::vector<Sysctl> host_settings(const config::Config& config, std::optional<bool> role,
                                  const std::set<Address>& own) {
  const ActiveServices services = active_services(config);
  std::vector<Sysctl> settings;
  if (needs_forwarding(config, services, Family::v4)) {
    settings.push_back({"net/ipv4/ip_forward", "1"});
  }
  if (needs_forwarding(config, services, Family::v6)) {
    settings.push_back({"net/ipv6/conf/all/forwarding", "1"});
  }
  if (services.empty()) {
    return settings;
  }
  settings.push_back({"net/ipv4/vs/expire_nodest_conn", "1"});
  settings.push_back({"net/ipv4/vs/conn_reuse_mode", "1"});
  if (is_persistent(services)) {
    settings.push_back({"net/ipv4/vs/expire_quiescent_template", "1"});
  }
  if (config.conntrack) {
    settings.push_back({"net/ipv4/vs/conntrack", "1"});
  }
  add_defence(config, settings);
  if (config.core == config::CoreKind::embedded &&
      config.first_packet == config::FirstPacket::express) {
    settings.push_back({"net/ipv4/vs/express", "1"});
  }
  if (config.core == config::CoreKind::kernel && config.syncdaemon && role &&
      !served_by_directors(config, own).empty()) {
    settings.push_back({"net/ipv4/vs/backup_only", *role ? "0" : "1"});
  }
  return settings;
}

bool changes_host_settings(const config::Config& config, const config::VirtualService* before,
                           const config::VirtualService* after) {
  if (before == nullptr || after == nullptr) {
    return true;
  }
  const auto needs = [&](const config::VirtualService& service) {
    return std::tuple(family_of(service), has_nat_server(config, service),
                      service.persistent > Duration::zero());
  };
  return needs(*before) != needs(*after);
}

}  // namespace lvs::lvsd
