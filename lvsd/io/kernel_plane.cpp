#include "lvsd/io/kernel_plane.h"

#include <optional>

#include "common/ipvs/client.h"
#include "common/ipvs/io/netlink_transport.h"
#include "lvsd/kernel_advice.h"

namespace lvs::lvsd::io {
namespace {

// ip_vs schedules whatever its table holds: there is no switch, and it attaches to no device.
class KernelPlane : public Plane {
 public:
  Result<ipvs::Reply> call(const ipvs::Request& request) override {
    auto reply = ask(request);
    if (!reply && std::holds_alternative<ipvs::GetServices>(request)) {
      // Every reading begins with this request. After an error it begins on a new socket; and an
      // ip_vs that was loaded again answers at once.
      client_.reset();
      if (reply.error().code == ENOENT) {
        reply = ask(request);
      }
    }
    return reply ? std::move(reply) : advised(request, reply.error());
  }

  std::vector<std::optional<Error>> write(std::span<const ipvs::Request> requests) override {
    if (auto connected = connect(); !connected) {
      return {requests.size(), connected.error()};
    }
    auto results = client_->write(requests);
    for (size_t i = 0; i < results.size(); ++i) {
      if (results[i]) {
        results[i] = advised(requests[i], *results[i]);
      }
    }
    return results;
  }

  bool armed() const override { return false; }
  Result<Ok> set_armed(bool) override { return Ok{}; }
  Result<Ok> set_interfaces(const std::vector<std::string>&) override { return Ok{}; }
  Result<Ok> set_denied(const std::vector<Prefix>&) override { return Ok{}; }
  const char* kind() const override { return "kernel"; }
  boost::json::object describe() const override { return {}; }

 private:
  Result<Ok> connect() {
    if (!client_) {
      auto transport = ipvs::io::connect_kernel();
      if (!transport) {
        return transport.error();
      }
      client_.emplace(std::move(*transport));
    }
    return Ok{};
  }

  Result<ipvs::Reply> ask(const ipvs::Request& request) {
    auto connected = connect();
    return connected ? client_->call(request) : connected.error();
  }

  static Error advised(const ipvs::Request& request, const Error& error) {
    const std::string advice = kernel_advice(request, error.code);
    return {error.code, advice.empty() ? error.what : error.what + ": " + advice};
  }

  std::optional<ipvs::Client> client_;  // Nothing: to be connected by the next call.
};

}  // namespace

std::unique_ptr<Plane> kernel_plane() {
  return std::make_unique<KernelPlane>();
}

}  // namespace lvs::lvsd::io
