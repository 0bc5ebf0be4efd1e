#include "common/ipvs/io/cores.h"

#include "common/io/read_file.h"
#include "common/ipvs/client.h"
#include "common/ipvs/io/kernel_settings.h"
#include "common/ipvs/io/netlink_transport.h"
#include "common/ipvs/proc_connections.h"

namespace lvs::ipvs::io {
namespace {

constexpr size_t kConnectionsBytesMax = 1 << 30;

Result<Handler> handler_over(Result<std::unique_ptr<Transport>> transport) {
  if (!transport) {
    return transport.error();
  }
  auto client = std::make_shared<Client>(std::move(transport).value());
  return Handler([client](const Request& request) { return client->call(request); });
}

Result<Reply> connections_of_kernel() {
  const auto text = lvs::io::read_file("/proc/net/ip_vs_conn", kConnectionsBytesMax);
  if (!text) {
    return text.error();
  }
  auto connections = parse_proc_connections(*text);
  if (!connections) {
    return connections.error();
  }
  return Reply{std::move(connections).value()};
}

}  // namespace

Result<Handler> embedded_core(Duration patience) {
  return handler_over(connect_embedded(patience));
}

Result<Handler> kernel_core() {
  auto netlink = handler_over(connect_kernel());
  if (!netlink) {
    return netlink.error();
  }
  return Handler([netlink = std::move(netlink).value()](const Request& request) -> Result<Reply> {
    if (std::holds_alternative<GetConnections>(request)) {
      return connections_of_kernel();
    }
    if (const auto* setting = std::get_if<SetSetting>(&request)) {
      return set_kernel_setting(*setting);
    }
    if (std::holds_alternative<GetSettings>(request)) {
      return kernel_settings();
    }
    if (std::holds_alternative<KillConnections>(request) ||
        std::holds_alternative<GetDrops>(request) || std::holds_alternative<GetDenied>(request)) {
      return Error{EOPNOTSUPP, to_string(request) + ": only the embedded core can do that"};
    }
    return netlink(request);
  });
}

}  // namespace lvs::ipvs::io
