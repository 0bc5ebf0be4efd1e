// Configurations and tables for the stories of lvsd's tests, short to write.
#pragma once

#include <string>

#include "common/config/model.h"
#include "common/ipvs/types.h"
#include "common/rng.h"
#include "lvsd/desired.h"

namespace lvs::lvsd {

inline Address address(const std::string& text) {
  return *Address::parse(text);
}

inline ipvs::ServiceKey web_key() {
  return ipvs::AddressKey{ipvs::Protocol::tcp, address("192.0.2.1"), 80};
}

inline ipvs::DestKey server_at(int host, uint16_t port = 80) {
  return {address("10.0.0." + std::to_string(host)), port};
}

inline config::RealServer real_server(int host, int weight = 1) {
  config::RealServer server;
  server.name = "rs" + std::to_string(host);
  server.address = address("10.0.0." + std::to_string(host));
  server.active = true;
  server.weight = weight;
  server.port = 80;
  return server;
}

// 192.0.2.1:80 with servers 10.0.0.1 .. 10.0.0.N.
inline config::VirtualService web(int servers = 2) {
  config::VirtualService service;
  service.name = "web";
  service.active = true;
  service.address = config::FloatingAddress{address("192.0.2.1"), "eth0", "eth0:1", {}};
  for (int host = 1; host <= servers; ++host) {
    service.servers.push_back(real_server(host));
  }
  return service;
}

inline config::Config with(std::vector<config::VirtualService> services) {
  config::Config config;
  config.virtuals = std::move(services);
  return config;
}

inline Verdicts all(const config::Config& config, Health health) {
  Verdicts verdicts;
  for (const auto& [key, service] : active_services(config)) {
    for (const auto& [server_key, server] : active_servers(*service)) {
      verdicts[{key, server_key}] = health;
    }
  }
  return verdicts;
}

// A table of a few services from a small space of keys, so that two random tables overlap.
inline ipvs::Table random_table(Rng& rng) {
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
