#include "tools/lvsadm/print.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>

#include "tools/lvsadm/values.h"

namespace lvs::lvsadm {
namespace {

using namespace ipvs;

constexpr size_t kServiceWidth = 33;  // Longer host names are cut, so that columns stay in place.
constexpr size_t kDestWidth = 28;

[[gnu::format(printf, 1, 2)]] std::string format(const char* pattern, ...) {
  constexpr size_t kLineMax = 1024;
  char line[kLineMax];
  va_list arguments;
  va_start(arguments, pattern);
  const int size = std::vsnprintf(line, sizeof line, pattern, arguments);
  va_end(arguments);
  return {line, std::min<size_t>(static_cast<size_t>(std::max(size, 0)), sizeof line - 1)};
}

// At most eight digits; beyond that thousands, millions ... as ipvsadm shortens them.
std::string big(uint64_t value, bool exact) {
  struct Unit {
    uint64_t below;
    uint64_t divisor;
    char letter;
  };
  constexpr Unit kUnits[] = {{1'000'000'000, 1'000, 'K'},
                             {100'000'000'000, 1'000'000, 'M'},
                             {100'000'000'000'000, 1'000'000'000, 'G'}};
  constexpr uint64_t kWhole = 100'000'000;
  const auto number = [](uint64_t n) { return static_cast<unsigned long long>(n); };
  if (exact || value < kWhole) {
    return format(" %8llu", number(value));
  }
  for (const Unit& unit : kUnits) {
    if (value < unit.below) {
      return format(" %7llu%c", number(value / unit.divisor), unit.letter);
    }
  }
  return format(" %7lluT", number(value / 1'000'000'000'000));
}

uint8_t protocol_of(const ServiceKey& key) {
  const auto* address = std::get_if<AddressKey>(&key);
  return address == nullptr ? 0 : static_cast<uint8_t>(address->protocol);
}

std::string protocol_name(uint8_t protocol) {
  return protocol == 0 ? "IP" : to_string(static_cast<Protocol>(protocol));
}

std::string service_name(const ServiceKey& key, const Names& names) {
  if (const auto* mark = std::get_if<MarkKey>(&key)) {
    return format("FWM  %u%s", mark->mark, mark->family == Family::v6 ? " IPv6" : "");
  }
  const auto& address = std::get<AddressKey>(key);
  std::string name = format("%-4s ", to_string(address.protocol).c_str()) +
                     names.endpoint(address.address, address.port, protocol_of(key));
  if (address.address.is_v4()) {
    name.resize(std::min(name.size(), kServiceWidth));
  }
  return name;
}

std::string dotted_netmask(unsigned prefix) {
  return to_string(Address::v4(prefix == 0 ? 0 : ~0U << (32 - prefix)));
}

std::string service_details(const ServiceStatus& status) {
  const Service& s = status.service;
  std::string details = " " + s.scheduler;
  const std::string flags = scheduler_flag_names(s.flags, s.scheduler);
  if (!flags.empty()) {
    details += " (" + flags + ")";
  }
  if ((s.flags & kPersistent) != 0) {
    details += " persistent " + std::to_string(s.timeout);
    const auto* mark = std::get_if<MarkKey>(&status.key);
    const bool is_v4 = mark != nullptr ? mark->family == Family::v4
                                       : std::get<AddressKey>(status.key).address.is_v4();
    if (is_v4 && s.prefix != 32) {
      details += " mask " + dotted_netmask(s.prefix);
    } else if (!is_v4 && s.prefix != 128) {
      details += " mask " + std::to_string(s.prefix);
    }
    if (!s.persistence_engine.empty()) {
      details += " pe " + s.persistence_engine;
    }
  }
  return details + ((s.flags & kOnePacket) != 0 ? " ops" : "");
}

std::string tunnel_info(const Dest& dest) {
  if (dest.forward != Forward::tunnel) {
    return "n/a";
  }
  constexpr const char* kChecksums[] = {"-c", "+c", "r+c"};
  const std::string checksum = kChecksums[std::min<uint16_t>(dest.tunnel_flags, 2)];
  switch (dest.tunnel_type) {
    case TunnelType::ipip:
      return "ipip";
    case TunnelType::gue:
      return "gue:" + std::to_string(dest.tunnel_port) + ":" + checksum;
    case TunnelType::gre:
      return "gre:" + checksum;
  }
  return "n/a";
}

std::string counters(const Stats& s, Columns columns, bool exact) {
  if (columns == Columns::stats) {
    return big(s.connections, exact) + big(s.in_packets, exact) + big(s.out_packets, exact) +
           big(s.in_bytes, exact) + big(s.out_bytes, exact);
  }
  return big(s.cps, exact) + big(s.in_pps, exact) + big(s.out_pps, exact) + big(s.in_bps, exact) +
         big(s.out_bps, exact);
}

std::string service_line(const ServiceStatus& status, const List& how, const Names& names) {
  const std::string name = service_name(status.key, names);
  if (how.columns == Columns::stats || how.columns == Columns::rate) {
    return format("%-33s", name.c_str()) + counters(status.stats, how.columns, how.exact) + "\n";
  }
  return name + service_details(status) + "\n";
}

std::string dest_line(const DestStatus& d, uint8_t protocol, const List& how, const Names& names) {
  std::string place = names.endpoint(d.key.address, d.key.port, protocol);
  if (d.key.address.is_v4()) {  // IPv6 pushes the columns to the right instead.
    place.resize(std::min(place.size(), kDestWidth));
  }
  const std::string name = format("  -> %-28s", place.c_str());
  const std::string forward = to_string(d.dest.forward);
  const std::string connections = format(" %-10u %-10u\n", d.active, d.inactive);
  switch (how.columns) {
    case Columns::stats:
    case Columns::rate:
      return name + counters(d.stats, how.columns, how.exact) + "\n";
    case Columns::thresholds:
      return name + format(" %-10u %-10u", d.dest.upper_threshold, d.dest.lower_threshold) +
             connections;
    case Columns::persistent:
      return name + format(" %-9d %-11u", d.dest.weight, d.persistent) + connections;
    case Columns::tunnels:
      return name +
             format(" %-7s %-13s %-6d", forward.c_str(), tunnel_info(d.dest).c_str(),
                    d.dest.weight) +
             connections;
    case Columns::plain:
      return name + format(" %-7s %-6d", forward.c_str(), d.dest.weight) + connections;
  }
  return {};
}

std::string titles(Columns columns) {
  switch (columns) {
    case Columns::stats:
      return "Prot LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes\n"
             "  -> RemoteAddress:Port\n";
    case Columns::rate:
      return "Prot LocalAddress:Port                 CPS    InPPS   OutPPS    InBPS   OutBPS\n"
             "  -> RemoteAddress:Port\n";
    case Columns::thresholds:
      return "Prot LocalAddress:Port            Uthreshold Lthreshold ActiveConn InActConn \n"
             "  -> RemoteAddress:Port\n";
    case Columns::persistent:
      return "Prot LocalAddress:Port            Weight    PersistConn ActiveConn InActConn \n"
             "  -> RemoteAddress:Port\n";
    case Columns::tunnels:
      return "Prot LocalAddress:Port Scheduler Flags\n"
             "  -> RemoteAddress:Port           Forward TunnelInfo    Weight ActiveConn "
             "InActConn\n";
    case Columns::plain:
      return "Prot LocalAddress:Port Scheduler Flags\n"
             "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n";
  }
  return {};
}

// ipvsadm's order: a number comes before another when their 32-bit difference is negative. So what
// lies 2^31 or more apart stands the other way round (192.0.2.1 before 10.0.0.1), and the order has
// circles; scripts compare listings, so ours is the same.
int difference(uint32_t a, uint32_t b) {
  return static_cast<int>(a - b);
}

int difference(const Address& a, const Address& b) {
  constexpr size_t kWord = sizeof(uint32_t);
  const auto word = [](const Address& address, size_t at) {
    uint32_t value = 0;
    for (size_t i = at; i < at + kWord; ++i) {
      value = value << 8 | address.bytes()[i];
    }
    return value;
  };
  for (size_t at = 0; at < a.size(); at += kWord) {
    if (const int d = difference(word(a, at), word(b, at)); d != 0) {
      return d;
    }
  }
  return 0;
}

int order(const AddressKey& a, const AddressKey& b) {
  if (a.address.family() != b.address.family()) {
    return a.address.is_v4() ? -1 : 1;
  }
  if (a.protocol != b.protocol) {
    return a.protocol < b.protocol ? -1 : 1;
  }
  const int d = difference(a.address, b.address);
  return d != 0 ? d : a.port - b.port;
}

int order(const MarkKey& a, const MarkKey& b) {
  const int d = difference(a.mark, b.mark);
  return d != 0 ? d : static_cast<int>(a.family) - static_cast<int>(b.family);
}

int order(const ListedService& a, const ListedService& b) {
  const auto* left = std::get_if<MarkKey>(&a.service.key);
  const auto* right = std::get_if<MarkKey>(&b.service.key);
  if (left == nullptr && right == nullptr) {
    return order(std::get<AddressKey>(a.service.key), std::get<AddressKey>(b.service.key));
  }
  return order(left != nullptr ? *left : MarkKey{}, right != nullptr ? *right : MarkKey{});
}

int order(const DestStatus& a, const DestStatus& b) {
  if (a.key.address.family() != b.key.address.family()) {
    return a.key.address.is_v4() ? 1 : -1;
  }
  return order(AddressKey{Protocol::tcp, a.key.address, a.key.port},
               AddressKey{Protocol::tcp, b.key.address, b.key.port});
}

// qsort, as ipvsadm: it copes with circles, and breaks them at the same place.
template <typename T>
void sort_as_ipvsadm(std::vector<T>& items) {
  if (items.empty()) {
    return;  // qsort takes no null pointer.
  }
  std::vector<T*> places;
  for (T& item : items) {
    places.push_back(&item);
  }
  std::qsort(places.data(), places.size(), sizeof(T*), [](const void* a, const void* b) {
    return order(**static_cast<T* const*>(a), **static_cast<T* const*>(b));
  });
  std::vector<T> sorted;
  for (T* place : places) {
    sorted.push_back(std::move(*place));
  }
  items = std::move(sorted);
}

}  // namespace

std::string Names::endpoint(const Address& address, uint16_t port_number, uint8_t protocol) const {
  const std::string name = host ? host(address) : to_string(address);
  const std::string port_name =
      port && protocol != 0 ? port(port_number, protocol) : std::to_string(port_number);
  return (address.is_v4() ? name : "[" + name + "]") + ":" + port_name;
}

void sort(std::vector<ListedService>& table) {
  sort_as_ipvsadm(table);
  for (ListedService& listed : table) {
    sort_as_ipvsadm(listed.dests);
  }
}

std::string print_heading(const Info& info) {
  return format("IP Virtual Server version %u.%u.%u (size=%u)\n", info.version >> 16 & 0xff,
                info.version >> 8 & 0xff, info.version & 0xff, info.connection_table_size);
}

std::string print_table(const std::vector<ListedService>& table, const List& how,
                        const Names& names) {
  std::string text = titles(how.columns);
  for (const auto& [service, dests] : table) {
    text += service_line(service, how, names);
    for (const DestStatus& dest : dests) {
      text += dest_line(dest, protocol_of(service.key), how, names);
    }
  }
  return text;
}

std::string print_connections(const std::vector<Connection>& connections, const List& how,
                              const Names& names) {
  std::string text =
      "IPVS connection entries\n"
      "pro expire state       source             virtual            destination";
  text += how.persistence_data ? "        pe name          pe_data\n" : "\n";
  for (const Connection& c : connections) {
    const auto name = [&](const Endpoint& end) {
      return names.endpoint(end.address, end.port, c.protocol);
    };
    const std::string expires = format("%02u:%02u", c.expires_s / 60, c.expires_s % 60);
    std::string server = name(c.destination);
    if (how.persistence_data && !c.persistence_data.empty()) {
      server = format("%-16s %-18s %s", server.c_str(), c.persistence_engine.c_str(),
                      c.persistence_data.c_str());
    }
    text += format("%-3s %-6s %-11s %-18s %-18s %s\n", protocol_name(c.protocol).c_str(),
                   expires.c_str(), c.state.c_str(), name(c.client).c_str(),
                   name(c.virtual_service).c_str(), server.c_str());
  }
  return text;
}

std::string print_timeouts(const Timeouts& timeouts) {
  return format("Timeout (tcp tcpfin udp): %u %u %u\n", timeouts.tcp, timeouts.tcp_fin,
                timeouts.udp);
}

std::string print_daemons(const std::vector<SyncDaemon>& daemons) {
  std::string text;
  for (const SyncDaemon& d : daemons) {
    text +=
        format("%s sync daemon (mcast=%s, syncid=%u, maxlen=%u, group=%s, port=%u, ttl=%u)\n",
               d.role == DaemonRole::master ? "master" : "backup", d.interface.c_str(), d.sync_id,
               d.max_length, d.group ? to_string(*d.group).c_str() : "none", d.port, d.ttl);
  }
  return text;
}

std::string print_settings(const std::vector<SettingStatus>& settings) {
  std::string text;
  for (const SettingStatus& setting : settings) {
    text += setting.name + " = " + std::to_string(setting.value) + "\n";
  }
  return text;
}

std::string print_drops(const std::vector<DropCounter>& drops) {
  std::string text = "     Packets Reason\n";
  for (const DropCounter& drop : drops) {
    text += format("%12llu ", static_cast<unsigned long long>(drop.packets)) + drop.reason + "\n";
  }
  return text;
}

std::string print_denied(const std::vector<DeniedPrefix>& denied) {
  std::string text = "     Packets Prefix\n";
  for (const DeniedPrefix& one : denied) {
    text += format("%12llu ", static_cast<unsigned long long>(one.packets)) +
            to_string(one.prefix) + "\n";
  }
  return text;
}

std::string print_killed(const KillConnections& prefix, const Killed& killed) {
  return format("%u connections of %s/%u ended\n", killed.connections,
                to_string(prefix.prefix).c_str(), prefix.length);
}

}  // namespace lvs::lvsadm
