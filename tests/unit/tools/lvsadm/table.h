// A table with one of everything that listings show.
#pragma once

#include "tools/lvsadm/print.h"

namespace lvs::lvsadm::test {

inline ipvs::DestStatus server(const char* address, uint16_t port, ipvs::Dest dest) {
  return {{*Address::parse(address), port}, dest, 0, 0, 0, {}};
}

inline ipvs::ServiceKey address_key(ipvs::Protocol protocol, const char* address, uint16_t port) {
  return ipvs::AddressKey{protocol, *Address::parse(address), port};
}

// In no particular order, as a core may dump it.
inline std::vector<ListedService> table() {
  const ipvs::Service sticky{
      .scheduler = "wrr", .flags = ipvs::kPersistent, .timeout = 600, .prefix = 24};
  const ipvs::Service sip{.scheduler = "rr",
                          .flags = ipvs::kPersistent | ipvs::kOnePacket,
                          .timeout = 60,
                          .persistence_engine = "sip"};
  const ipvs::Service six{.scheduler = "sh", .flags = ipvs::kSched1 | ipvs::kSched2, .prefix = 128};
  const ipvs::Service mark6{
      .scheduler = "wrr", .flags = ipvs::kPersistent, .timeout = 360, .prefix = 64};
  const ipvs::Dest gue{.forward = ipvs::Forward::tunnel,
                       .weight = 7,
                       .tunnel_type = ipvs::TunnelType::gue,
                       .tunnel_port = 6081,
                       .tunnel_flags = 2};
  ipvs::DestStatus busy = server(
      "10.0.0.3", 8080,
      {.forward = ipvs::Forward::masq, .weight = 3, .upper_threshold = 100, .lower_threshold = 50});
  busy.active = 12;
  busy.inactive = 345;
  busy.persistent = 6;
  busy.stats = {.connections = 99'999'999,
                .in_packets = 100'000'000,
                .out_packets = 1'000'000'000,
                .in_bytes = 100'000'000'000,
                .out_bytes = 100'000'000'000'000,
                .cps = 1,
                .in_pps = 2,
                .out_pps = 3,
                .in_bps = 4,
                .out_bps = 5};
  return {
      {{ipvs::MarkKey{81, Family::v6}, mark6, {}}, {}},
      {{ipvs::MarkKey{80, Family::v4}, sticky, {}},
       {server("10.0.0.8", 8080, {.forward = ipvs::Forward::masq}),
        server("10.0.0.7", 0, {.forward = ipvs::Forward::direct})}},
      {{address_key(ipvs::Protocol::tcp, "2001:db8::1", 443), six, {}},
       {server("2001:db8:1111:2222:3333:4444:5555:6666", 443, {.forward = ipvs::Forward::masq}),
        server("2001:db8::2", 443, {.forward = ipvs::Forward::masq})}},
      {{address_key(ipvs::Protocol::udp, "192.0.2.1", 5060), sip, {}}, {}},
      {{address_key(ipvs::Protocol::sctp, "192.0.2.1", 9), {.scheduler = "lc"}, {}}, {}},
      {{address_key(ipvs::Protocol::tcp, "192.0.2.9", 443),
        {.scheduler = "mh", .flags = ipvs::kSched2},
        {}},
       {}},
      {{address_key(ipvs::Protocol::tcp, "192.0.2.1", 80), {.scheduler = "rr"}, busy.stats},
       {server("10.0.0.10", 80, gue),
        server("10.0.0.5", 80, {.forward = ipvs::Forward::tunnel, .weight = 0}), busy,
        server("10.0.0.4", 80, {.forward = ipvs::Forward::direct})}},
  };
}

inline std::vector<ListedService> sorted_table() {
  auto all = table();
  sort(all);
  return all;
}

}  // namespace lvs::lvsadm::test
