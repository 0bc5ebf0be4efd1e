// Configurations and tables for the stories of lvsd's tests, short to write.
#pragma once

#include <string>

#include "common/config/model.h"
#include "common/ipvs/types.h"
#include "common/rng.h"
#include "lvsd/desired.h"

namespace lvs::lvsd {

Address address(const std::string& text);
ipvs::ServiceKey web_key();
ipvs::DestKey server_at(int host, uint16_t port = 80);
config::RealServer real_server(int host, int weight = 1);
// 192.0.2.1:80 with servers 10.0.0.1 .. 10.0.0.N.
config::VirtualService web(int servers = 2);
config::Config with(std::vector<config::VirtualService> services);
Verdicts all(const config::Config& config, Health health);
// A table of a few services from a small space of keys, so that two random tables overlap.
ipvs::Table random_table(Rng& rng);

}  // namespace lvs::lvsd
