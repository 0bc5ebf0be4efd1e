// Answers of a core as text, column for column as ipvsadm 1.31 prints them: people read it, and
// programs parse it. Names of hosts and ports are asked of the caller, so nothing here waits for a
// resolver.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "common/ipvs/request.h"
#include "tools/lvsadm/options.h"

namespace lvs::lvsadm {

// "10.0.0.1" or "host.example", "80" or "http": what stands for an address and a port. Empty
// functions print numbers.
struct Names {
  std::function<std::string(const Address&)> host;
  std::function<std::string(uint16_t port, uint8_t protocol)> port;

  // protocol 0: a firewall mark's, whose ports stay numbers.
  std::string endpoint(const Address& address, uint16_t port_number, uint8_t protocol) const;
};

struct ListedService {
  ipvs::ServiceStatus service;
  std::vector<ipvs::DestStatus> dests;
};

// ipvsadm's order: address services by family, protocol, address and port, then marks; servers by
// address and port.
void sort(std::vector<ListedService>& table);

std::string print_heading(const ipvs::Info& info);
std::string print_table(const std::vector<ListedService>& table, const List& how,
                        const Names& names);
std::string print_connections(const std::vector<ipvs::Connection>& connections, const List& how,
                              const Names& names);
std::string print_timeouts(const ipvs::Timeouts& timeouts);
std::string print_daemons(const std::vector<ipvs::SyncDaemon>& daemons);
std::string print_settings(const std::vector<ipvs::SettingStatus>& settings);
std::string print_drops(const std::vector<ipvs::DropCounter>& drops);
std::string print_denied(const std::vector<ipvs::DeniedPrefix>& denied);
std::string print_killed(const ipvs::KillConnections& prefix, const ipvs::Killed& killed);

}  // namespace lvs::lvsadm
