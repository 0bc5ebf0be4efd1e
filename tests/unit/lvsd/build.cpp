#include "tests/unit/lvsd/build.h"

namespace lvs::lvsd {

Address address(const std::string& text) {
  return *Address::parse(text);
}

ipvs::ServiceKey web_key() {
  return ipvs::AddressKey{ipvs::Protocol::tcp, address("192.0.2.1"), 80};
}

ipvs::DestKey server_at(int host, uint16_t port) {
  return {address("10.0.0." + std::to_string(host)), port};
}

config::RealServer real_server(int host, int weight) {
  config::RealServer server;
  server.name = "rs" + std::to_string(host);
  server.address = address("10.0.0." + std::to_string(host));
  server.active = true;
  server.weight = weight;
  server.port = 80;
  return server;
}

config::VirtualService web(int servers) {
  config::VirtualService service;
  service.name = "web";
  service.active = true;
  service.address = config::FloatingAddress{address("192.0.2.1"), "eth0", "eth0:1", {}};
  for (int host = 1; host <= servers; ++host) {
    service.servers.push_back(real_server(host));
  }
  return service;
}

config::Config with(std::vector<config::VirtualService> services) {
  config::Config config;
  config.virtuals = std::move(services);
  return config;
}

Verdicts all(const config::Config& config, Health health) {
  Verdicts verdicts;
  for (const auto& [key, service] : active_services(config)) {
    for (const auto& [server_key, server] : active_servers(*service)) {
      verdicts[{key, server_key}] = health;
    }
  }
  return verdicts;
}

ipvs::Table random_table(Rng& rng) {
  ipvs::Table table;
  for (uint64_t n = rng.below(6); n > 0; --n) {
    ipvs::ServiceKey key =
        ipvs::AddressKey{ipvs::Protocol::tcp, Address::v4(0xC0000200 + rng.below(3)),
                         static_cast<uint16_t>(80 + rng.below(2))};
    if (rng.chance(0.3)) {
      key = ipvs::MarkKey{static_cast<uint32_t>(1 + rng.below(3)),
                          rng.chance(0.5) ? Family::v4 : Family::v6};
    }
    ipvs::Entry entry;
    entry.service.scheduler = rng.chance(0.5) ? "rr" : "wlc";
    entry.service.flags = rng.chance(0.3) ? ipvs::kPersistent : 0;
    for (uint64_t servers = rng.below(5); servers > 0; --servers) {
      ipvs::Dest dest;
      dest.weight = static_cast<int32_t>(rng.below(3));
      dest.forward = rng.chance(0.5) ? ipvs::Forward::masq : ipvs::Forward::direct;
      entry.dests[server_at(static_cast<int>(1 + rng.below(5)))] = dest;
    }
    table[key] = entry;
  }
  return table;
}

}  // namespace lvs::lvsd
