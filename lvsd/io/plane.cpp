#include "lvsd/io/plane.h"

#include <boost/json/array.hpp>

#include "common/io/log_sink.h"
#include "common/ipvs/io/server.h"
#include "lvsd/core/io/core.h"
#include "lvsd/io/kernel_plane.h"

namespace lvs::lvsd::io {
namespace {

namespace json = boost::json;

class EmbeddedPlane : public Plane {
 public:
  explicit EmbeddedPlane(std::unique_ptr<core::Core> core) : core_(std::move(core)) {}

  Result<Ok> serve(boost::asio::io_context& io) {
    auto server = ipvs::io::Server::listen(
        io, [this](const ipvs::Request& request) { return core_->handle(request); });
    if (!server) {
      return server.error();
    }
    server_ = std::move(*server);
    return Ok{};
  }

  Result<ipvs::Reply> call(const ipvs::Request& request) override { return core_->handle(request); }
  std::vector<std::optional<Error>> write(std::span<const ipvs::Request> requests) override {
    std::vector<std::optional<Error>> results;
    for (const auto& request : requests) {
      const auto reply = core_->handle(request);
      results.push_back(reply ? std::optional<Error>{} : reply.error());
    }
    return results;
  }
  bool armed() const override { return core_->armed(); }
  Result<Ok> set_armed(bool armed) override { return core_->set_armed(armed); }
  Result<Ok> set_interfaces(const std::vector<std::string>& interfaces) override {
    return core_->set_interfaces(interfaces);
  }
  Result<Ok> set_denied(const std::vector<Prefix>& prefixes) override {
    return core_->set_denied(prefixes);
  }
  const char* kind() const override { return "embedded"; }
  json::object describe() const override {
    const core::CoreStatus status = core_->status();
    return {{"adopted", status.adopted},
            {"interfaces", json::array(status.interfaces.begin(), status.interfaces.end())},
            {"connections", status.connections},
            {"templates", status.templates},
            {"connections_max", status.connections_max},
            {"repairs", status.repairs},
            {"chain_error", status.chain_error},
            {"copies_lost", status.copies_lost},
            {"takes_fragments", status.takes_fragments},
            {"encrypts", status.encrypts},
            {"drops", drops()},
            {"overtaken", json::array(status.overtaken.begin(), status.overtaken.end())}};
  }

 private:
  json::object drops() const {
    json::object packets;
    const auto reply = core_->handle(ipvs::GetDrops{});
    if (reply) {
      for (const auto& drop : std::get<std::vector<ipvs::DropCounter>>(*reply)) {
        packets[drop.reason] = drop.packets;
      }
    }
    return packets;
  }

  std::unique_ptr<core::Core> core_;
  std::unique_ptr<ipvs::io::Server> server_;  // Goes before the core that it asks.
};

Result<std::unique_ptr<Plane>> open_embedded(boost::asio::io_context& io,
                                             const config::Config& config) {
  core::CoreOptions options;
  options.interfaces = config.interfaces;
  options.connections_max = config.connections;
  auto core = core::Core::open(io, std::move(options), lvs::io::log);
  if (!core) {
    return core.error().in("embedded core");
  }
  auto plane = std::make_unique<EmbeddedPlane>(std::move(*core));
  if (auto served = plane->serve(io); !served) {
    return served.error();
  }
  return std::unique_ptr<Plane>(std::move(plane));
}

// What a core reports beside the configuration must not look like a difference.
ipvs::Service as_configured(ipvs::Service service) {
  service.flags &= ~ipvs::kHashed;
  if ((service.flags & ipvs::kPersistent) == 0) {
    service.timeout = 0;
  }
  return service;
}

Result<Snapshot> read_table(const ipvs::Handler& core) {
  const auto services = core(ipvs::GetServices{});
  if (!services) {
    return services.error().in("read the services");
  }
  Snapshot snapshot;
  for (const auto& service : std::get<std::vector<ipvs::ServiceStatus>>(*services)) {
    ipvs::Entry& entry = snapshot.table[service.key];
    entry.service = as_configured(service.service);
    const auto dests = core(ipvs::GetDests{service.key});
    if (!dests) {
      return dests.error().in("read the servers of " + ipvs::to_string(service.key));
    }
    for (const auto& dest : std::get<std::vector<ipvs::DestStatus>>(*dests)) {
      entry.dests[dest.key] = dest.dest;
      if (const uint32_t held = dest.active + dest.inactive; held > 0) {
        snapshot.connections[{service.key, dest.key}] = held;
      }
    }
  }
  return snapshot;
}

}  // namespace

Result<std::unique_ptr<Plane>> open_plane(boost::asio::io_context& io,
                                          const config::Config& config) {
  if (config.core == config::CoreKind::kernel) {
    return kernel_plane();
  }
  return open_embedded(io, config);
}

Result<Snapshot> read_snapshot(const ipvs::Handler& core) {
  auto snapshot = read_table(core);
  if (!snapshot) {
    return snapshot;
  }
  const auto timeouts = core(ipvs::GetConfig{});
  if (!timeouts) {
    return timeouts.error().in("read the time-outs");
  }
  const auto daemons = core(ipvs::GetDaemons{});
  if (!daemons) {
    return daemons.error().in("read the sync daemons");
  }
  snapshot->timeouts = std::get<ipvs::Timeouts>(*timeouts);
  snapshot->daemons = std::get<SyncDaemons>(*daemons);
  return snapshot;
}

}  // namespace lvs::lvsd::io
