#include "tests/sim/servers/file.h"

#include <initializer_list>

#include "tests/sim/servers/network.h"

namespace lvs::sim::servers {
namespace {

using namespace std::chrono_literals;

constexpr size_t kServicesMax = 3;

template <typename T>
T one_of(Rng& rng, std::initializer_list<T> choices) {
  return *(choices.begin() + rng.below(choices.size()));
}

config::Check draw_check(Rng& rng) {
  if (rng.chance(0.08)) {
    return config::NamedCheck{config::kNoCheck, {}};
  }
  return rng.chance(0.6) ? config::Check(config::TcpConnect{}) : config::Check(config::HttpCheck{});
}

}  // namespace

File::File(Rng& rng, bool with_names) : with_names_(with_names) {
  globals_.core = rng.chance(0.7) ? config::CoreKind::embedded : config::CoreKind::kernel;
  globals_.standby_monitoring = rng.chance(0.85);
  globals_.network = one_of(rng, {ipvs::Forward::masq, ipvs::Forward::direct});
  services_.push_back(draw_service(rng));
  services_.front().active = true;
  edit(rng);
}

config::RealServer File::draw_server(Rng& rng) {
  config::RealServer server;
  server.name = "rs" + std::to_string(++serial_);
  if (with_names_ && rng.chance(0.4)) {
    server.name = kDynamic + std::to_string(rng.below(2));
  }
  server.address = host_address(1 + rng.below(kHosts));
  server.active = rng.chance(0.95);
  server.weight = static_cast<int>(rng.chance(0.1) ? 0 : 1 + rng.below(3));
  server.port = rng.chance(0.9) ? 80 : 81;
  server.port_given = server.port != 80;
  if (rng.chance(0.1)) {
    server.forward = ipvs::Forward::tunnel;
  }
  return server;
}

config::VirtualService File::draw_service(Rng& rng) {
  config::VirtualService service;
  service.name = "v" + std::to_string(++serial_);
  service.active = rng.chance(0.9);
  service.address = config::FloatingAddress{
      Address::v4(0xC0000200U + 1 + static_cast<uint32_t>(rng.below(2))), "eth0", "eth0:1", {}};
  service.port = one_of<uint16_t>(rng, {80, 81});
  if (rng.chance(0.15)) {
    service.fwmark = 1 + static_cast<uint32_t>(rng.below(2));
  }
  service.scheduler = one_of<std::string>(rng, {"wlc", "rr"});
  for (uint64_t n = 1 + rng.below(4); n > 0; --n) {
    service.servers.push_back(draw_server(rng));
  }
  service.check = draw_check(rng);
  service.interval = one_of<Duration>(rng, {500ms, 1s, 2s});
  service.timeout = one_of<Duration>(rng, {500ms, 1s, 2s});
  service.rise = static_cast<int>(1 + rng.below(3));
  service.fall = static_cast<int>(1 + rng.below(3));
  service.quorum = static_cast<int>(rng.chance(0.75) ? 1 : 2);
  service.quiesce_server = rng.chance(0.3);
  service.drain = one_of<Duration>(rng, {0s, 0s, 10s});
  service.persistent = one_of<Duration>(rng, {0s, 0s, 60s});
  if (rng.chance(0.45)) {
    service.sorry_server =
        rng.chance(0.85) ? Address::v4(0x0A000009U) : host_address(1 + rng.below(kHosts));
  }
  return service;
}

void File::change_one_thing(config::VirtualService& service, Rng& rng) {
  const auto other = draw_service(rng);
  auto& servers = service.servers;
  const size_t at = servers.empty() ? 0 : rng.below(servers.size());
  switch (rng.below(14)) {
    case 0:
      service.active = !service.active;
      break;
    case 1:
      servers = other.servers;
      break;
    case 2:
      servers.push_back(draw_server(rng));
      break;
    case 3:
      service.check = other.check;
      break;
    case 4:
      service.interval = other.interval;
      service.timeout = other.timeout;
      break;
    case 5:
      service.sorry_server = other.sorry_server;
      break;
    case 6:
      service.persistent = other.persistent;
      service.scheduler = other.scheduler;
      break;
    case 7:
      service.quiesce_server = !service.quiesce_server;
      break;
    case 8:
      service.quorum = other.quorum;
      break;
    case 9:
      service.rise = other.rise;
      service.fall = other.fall;
      break;
    case 10:
      service.drain = other.drain;
      break;
    default:
      if (servers.empty()) {
        break;
      }
      if (rng.chance(0.4)) {
        servers.erase(servers.begin() + static_cast<std::ptrdiff_t>(at));
      } else if (rng.chance(0.6)) {
        servers[at].weight = static_cast<int>(rng.below(4));
      } else {
        servers[at] = draw_server(rng);
      }
      break;
  }
}

void File::edit_once(Rng& rng) {
  const size_t at = services_.empty() ? 0 : rng.below(services_.size());
  if (services_.empty() || (services_.size() < kServicesMax && rng.chance(0.25))) {
    services_.insert(services_.begin() + static_cast<std::ptrdiff_t>(at), draw_service(rng));
  } else if (rng.chance(0.15)) {
    services_.erase(services_.begin() + static_cast<std::ptrdiff_t>(at));
  } else if (rng.chance(0.1)) {
    globals_.network = one_of(rng, {ipvs::Forward::masq, ipvs::Forward::direct});
  } else {
    change_one_thing(services_[at], rng);
  }
}

void File::edit(Rng& rng) {
  for (uint64_t edits = 1 + rng.below(3); edits > 0; --edits) {
    edit_once(rng);
  }
}

config::Config File::read(Names& names) const {
  config::Config config;
  static_cast<config::Globals&>(config) = globals_;
  for (auto service : services_) {
    for (auto& server : service.servers) {
      if (server.name.starts_with(kDynamic)) {
        const auto address = names.address_of(server.name + ".example");
        server.waits = !address;
        server.address = address.value_or(Address{});
      }
    }
    config.virtuals.push_back(std::move(service));
  }
  return config;
}

}  // namespace lvs::sim::servers
