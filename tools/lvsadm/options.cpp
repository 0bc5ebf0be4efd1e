#include "tools/lvsadm/options.h"

#include <algorithm>
#include <climits>
#include <iterator>
#include <utility>

#include "tools/lvsadm/option_table.h"
#include "tools/lvsadm/values.h"

namespace lvs::lvsadm {
namespace {

using namespace ipvs;

constexpr uint32_t kTimeoutMax = 31 * 24 * 3600;  // Seconds; ipvsadm's bound.
constexpr uint32_t kIntMax = INT_MAX;
constexpr size_t kNameMax =
    15;  // Of schedulers and persistence engines: no core knows longer ones.
constexpr int kRefusedName = 255;  // The status that the core's refusal would have.

// Turns texts into values; the first that is wrong decides what the user reads.
class Builder {
 public:
  Builder(const Given& given, const Resolver& resolver) : given_(given), resolver_(resolver) {}

  std::variant<Command, UsageError> build() {
    Command command{core(), what()};
    if (error_) {
      return *error_;
    }
    return command;
  }

 private:
  bool has(Option option) const { return given_.has(option); }
  std::string text(Option option) const { return given_.text(option); }

  void wrong(const std::string& what_is_wrong) {
    if (!error_) {
      error_ = UsageError{kWrongUsage, what_is_wrong};
    }
  }

  uint32_t number_of(Option option, uint32_t min, uint32_t max, const std::string& complaint) {
    const auto value = number(text(option), min, max);
    if (!value) {
      wrong(complaint);
    }
    return value.value_or(0);
  }

  Core core() {
    if (!has(Option::core)) {
      return Core::automatic;
    }
    if (text(Option::core) != "embedded" && text(Option::core) != "kernel") {
      wrong("--core is embedded or kernel, not `" + text(Option::core) + "'");
    }
    return text(Option::core) == "kernel" ? Core::kernel : Core::embedded;
  }

  decltype(Command::what) what() {
    switch (*given_.verb) {
      case Verb::add_service:
        return add_service();
      case Verb::edit_service:
        return edit_service();
      case Verb::delete_service:
        return Change{DelService{service_key()}};
      case Verb::flush:
        return Change{Flush{}};
      case Verb::restore:
        return Restore{};
      case Verb::save:
        return Save{has(Option::numeric)};
      case Verb::add_server:
      case Verb::edit_server:
        return server();
      case Verb::delete_server:
        return delete_server();
      case Verb::list:
        return list();
      case Verb::zero:
        return Change{Zero{has(Option::service) ? std::optional(service_key()) : std::nullopt}};
      case Verb::set_timeouts:
        return set_timeouts();
      case Verb::start_daemon:
        return Change{NewDaemon{sync_daemon()}};
      case Verb::stop_daemon:
        return Change{DelDaemon{daemon_role()}};
      case Verb::kill:
        return kill();
      case Verb::drops:
        return Drops{has(Option::json)};
      case Verb::deny:
        return Deny{has(Option::json)};
      case Verb::setting:
        return setting();
      case Verb::settings:
        return Settings{"", has(Option::json)};
      case Verb::where:
        return where();
      case Verb::trace:
        return trace();
      case Verb::help:
        return Help{};
      case Verb::version:
        return Version{};
    }
    return Help{};
  }

  ServiceKey service_key() {
    const std::string address = text(Option::service);
    if (given_.service_kind == 'f') {
      const uint32_t mark = number_of(Option::service, 1, UINT_MAX,
                                      "invalid fwmark value `" + address + "' specified");
      return MarkKey{mark, has(Option::ipv6) ? Family::v6 : Family::v4};
    }
    const auto place = host_port(address, protocol(), resolver_);
    if (!place) {
      wrong("illegal virtual server address[:port] specified");
      return AddressKey{};
    }
    return AddressKey{protocol(), place->address, place->port.value_or(0)};
  }

  Protocol protocol() const {
    if (given_.service_kind == 'u') {
      return Protocol::udp;
    }
    return given_.service_kind == 's' ? Protocol::sctp : Protocol::tcp;
  }

  Change add_service() {
    const ServiceKey key = service_key();
    return Change{NewService{key, service(key)}};
  }

  Change edit_service() {
    const ServiceKey key = service_key();
    return Change{SetService{key, service(key)}};
  }

  Service service(const ServiceKey& key) {
    Service s;
    if (has(Option::scheduler)) {
      s.scheduler = text(Option::scheduler);
    }
    s.prefix = netmask(family_of(key));
    s.persistence_engine = text(Option::pe);
    if (s.scheduler.size() > kNameMax || s.persistence_engine.size() > kNameMax) {
      error_ =
          error_ ? error_ : UsageError{kRefusedName, "Scheduler or persistence engine not found"};
    }
    if (has(Option::persistent)) {
      s.flags |= kPersistent;
      s.timeout = number_of(Option::persistent, 1, kTimeoutMax,
                            "invalid timeout value `" + text(Option::persistent) + "' specified");
    }
    if (has(Option::sched_flags)) {
      const auto flags = scheduler_flags(text(Option::sched_flags), s.scheduler);
      if (const auto* complaint = std::get_if<std::string>(&flags)) {
        wrong(*complaint);
      } else {
        s.flags |= std::get<uint32_t>(flags);
      }
    }
    const auto* address = std::get_if<AddressKey>(&key);
    if (has(Option::ops)) {
      s.flags |= kOnePacket;
      if (address != nullptr && address->protocol != Protocol::udp) {
        wrong("One-Packet Scheduling is only for UDP virtual services");
      }
    }
    if (address != nullptr && address->port == 0 && !has(Option::persistent)) {
      wrong("Zero port specified for non-persistent service");
    }
    return s;
  }

  unsigned netmask(Family family) {
    const std::string mask = text(Option::netmask);
    if (family == Family::v6) {
      constexpr uint32_t kWhole = 128;
      return !has(Option::netmask)
                 ? kWhole
                 : number_of(Option::netmask, 1, kWhole, "illegal ipv6 netmask specified");
    }
    if (!has(Option::netmask)) {
      return 32;
    }
    const auto dotted = Address::parse(mask);
    const auto bits = dotted && dotted->is_v4() ? prefix_of_netmask(*dotted) : number(mask, 1, 32);
    if (!bits) {
      wrong("illegal virtual server persistent mask specified");
    }
    return bits.value_or(32);
  }

  DestKey server_key(const ServiceKey& key) {
    const auto place = host_port(text(Option::server), protocol(), resolver_);
    if (!place) {
      wrong("illegal real server address[:port] specified");
      return {};
    }
    const auto* address = std::get_if<AddressKey>(&key);
    return {place->address, place->port.value_or(address != nullptr ? address->port : 0)};
  }

  Change delete_server() {
    const ServiceKey key = service_key();
    return Change{DelDest{key, server_key(key)}};
  }

  Change server() {
    const ServiceKey key = service_key();
    DestKey server = server_key(key);
    const Dest dest = dest_of();
    // Neither method can change the packet's port: the server's is the service's.
    const auto* address = std::get_if<AddressKey>(&key);
    if (address != nullptr && dest.forward != Forward::masq) {
      server.port = address->port;
    }
    if (server.address.family() != family_of(key) && dest.forward != Forward::tunnel) {
      wrong("Different address family is allowed only for tunneling servers");
    }
    if (given_.verb == Verb::add_server) {
      return Change{NewDest{key, server, dest}};
    }
    return Change{SetDest{key, server, dest}};
  }

  Dest dest_of() {
    Dest dest{.forward = Forward::direct};
    if (given_.forward_kind == 'm') {
      dest.forward = Forward::masq;
    } else if (given_.forward_kind == 'i') {
      dest.forward = Forward::tunnel;
    }
    if (has(Option::weight)) {
      dest.weight =
          static_cast<int32_t>(number_of(Option::weight, 0, kIntMax, "illegal weight specified"));
    }
    if (has(Option::u_threshold)) {
      dest.upper_threshold =
          number_of(Option::u_threshold, 0, kIntMax, "illegal u_threshold specified");
    }
    if (has(Option::l_threshold)) {
      dest.lower_threshold =
          number_of(Option::l_threshold, 0, kIntMax, "illegal l_threshold specified");
    }
    tunnel(dest);
    return dest;
  }

  void tunnel(Dest& dest) {
    constexpr Option kChecksums[] = {Option::tun_nocsum, Option::tun_csum, Option::tun_remcsum};
    const std::string type = has(Option::tun_type) ? text(Option::tun_type) : "ipip";
    bool has_any = has(Option::tun_type) || has(Option::tun_port);
    for (const Option checksum : kChecksums) {
      has_any = has_any || has(checksum);
      const bool fits = type == "gue" || (type == "gre" && checksum != Option::tun_remcsum);
      if (has(checksum) && !fits) {
        wrong(illegal_for_tunnel(checksum, type));
      }
    }
    if (has_any && dest.forward != Forward::tunnel) {
      return wrong("Tunnel options conflict with forward method");
    }
    if (type == "gue" || type == "gre") {
      dest.tunnel_type = type == "gue" ? TunnelType::gue : TunnelType::gre;
    } else if (type != "ipip") {
      return wrong("illegal tunnel type specified");
    }
    if (type == "gue" && !has(Option::tun_port)) {
      return wrong("You need to supply the 'tun-port' option for the 'gue' tunnel type");
    }
    if (has(Option::tun_port)) {
      dest.tunnel_port = static_cast<uint16_t>(
          number_of(Option::tun_port, 1, 65535, "illegal tunnel port specified"));
      if (type != "gue") {
        wrong(illegal_for_tunnel(Option::tun_port, type));
      }
    }
    dest.tunnel_flags = has(Option::tun_remcsum) ? 2 : has(Option::tun_csum) ? 1 : 0;
  }

  static std::string illegal_for_tunnel(Option option, const std::string& type) {
    return std::string("Illegal '") + name_of(option) + "' option with the '" + type +
           "' tunnel type";
  }

  List list() {
    List l{.numeric = has(Option::numeric),
           .exact = has(Option::exact),
           .sorted = !has(Option::nosort),
           .json = has(Option::json),
           .persistence_data = has(Option::connection) && has(Option::persistent_conn)};
    if (has(Option::service)) {
      l.only = service_key();
    }
    if (has(Option::connection)) {
      l.show = Show::connections;
    } else if (has(Option::timeout)) {
      l.show = Show::timeouts;
    } else if (has(Option::daemon)) {
      l.show = Show::daemons;
    }
    if (has(Option::stats)) {
      l.columns = Columns::stats;
    } else if (has(Option::rate)) {
      l.columns = Columns::rate;
    } else if (has(Option::thresholds)) {
      l.columns = Columns::thresholds;
    } else if (has(Option::persistent_conn)) {
      l.columns = Columns::persistent;
    } else if (has(Option::tun_info)) {
      l.columns = Columns::tunnels;
    }
    return l;
  }

  Change set_timeouts() {
    Timeouts timeouts;
    uint32_t* const values[] = {&timeouts.tcp, &timeouts.tcp_fin, &timeouts.udp};
    if (given_.timeouts.size() != std::size(values)) {
      wrong("--set option requires 3 timeout values");
      return Change{SetConfig{}};
    }
    for (size_t i = 0; i < std::size(values); ++i) {
      const auto value = number(given_.timeouts[i], 0, kTimeoutMax);
      if (!value) {
        wrong("invalid timeout value `" + given_.timeouts[i] + "' specified");
      }
      *values[i] = value.value_or(0);
    }
    return Change{SetConfig{timeouts}};
  }

  DaemonRole daemon_role() {
    if (given_.verb_argument != "master" && given_.verb_argument != "backup") {
      wrong(given_.verb == Verb::start_daemon ? "illegal start-daemon parameter specified"
                                              : "illegal stop_daemon specified");
    }
    return given_.verb_argument == "master" ? DaemonRole::master : DaemonRole::backup;
  }

  SyncDaemon sync_daemon() {
    SyncDaemon d{.role = daemon_role(), .interface = text(Option::mcast_interface)};
    if (has(Option::syncid)) {
      d.sync_id = number_of(Option::syncid, 0, 255, "illegal syncid specified");
    }
    if (has(Option::sync_maxlen)) {
      d.max_length = static_cast<uint16_t>(
          number_of(Option::sync_maxlen, 1, 65535, "illegal sync-maxlen specified"));
    }
    if (has(Option::mcast_port)) {
      d.port = static_cast<uint16_t>(
          number_of(Option::mcast_port, 1, 65535, "illegal mcast-port specified"));
    }
    if (has(Option::mcast_ttl)) {
      d.ttl =
          static_cast<uint8_t>(number_of(Option::mcast_ttl, 1, 255, "illegal mcast-ttl specified"));
    }
    if (has(Option::mcast_group)) {
      d.group = Address::parse(text(Option::mcast_group));
      const bool is_multicast = d.group && (d.group->is_v4() ? d.group->bytes()[0] >> 4 == 0xe
                                                             : d.group->bytes()[0] == 0xff);
      if (!is_multicast) {
        const char* const family = d.group && !d.group->is_v4() ? "IPv6" : "IPv4";
        wrong(std::string("invalid ") + family + " mcast-group `" + text(Option::mcast_group) +
              "'");
      }
    }
    return d;
  }

  Kill kill() {
    const auto given = prefix(given_.verb_argument);
    if (!given) {
      wrong("--kill wants an address or a prefix like 10.0.0.0/24, not `" + given_.verb_argument +
            "'");
    }
    return Kill{given.value_or(KillConnections{})};
  }

  decltype(Command::what) setting() {
    const std::string& text = given_.verb_argument;
    const size_t equals = text.find('=');
    if (equals == std::string::npos) {
      return Settings{text, has(Option::json)};
    }
    const auto value = number(text.substr(equals + 1), 0, UINT_MAX);
    if (!value || equals == 0) {
      wrong("--setting wants name or name=number, not `" + text + "'");
    }
    return Change{SetSetting{text.substr(0, equals), value.value_or(0)}};
  }

  // The virtual address stands behind -t, -u or --sctp-service, or alone, for TCP; a mark stands
  // behind it or behind -f.
  Where where() {
    std::vector<std::string> words = given_.place;
    const bool is_of_mark = given_.service_kind == 'f';
    if (has(Option::service)) {
      words.insert(is_of_mark ? words.end() : words.begin(), text(Option::service));
    }
    constexpr size_t kPlaceAndMark = 2;
    if (words.size() > kPlaceAndMark) {
      wrong("--where wants one virtual address and one mark: unexpected argument " + words.back());
    }
    Where where{{.protocol = protocol()}, has(Option::json)};
    where.packet.client = end_of(given_.verb_argument, "client");
    where.packet.virtual_service = end_of(
        words.empty() || (is_of_mark && words.size() == 1) ? "" : words.front(), "virtual server");
    if (where.packet.client.address.family() != where.packet.virtual_service.address.family()) {
      wrong("--where wants client and virtual server of one address family");
    }
    if (words.size() == kPlaceAndMark) {
      const auto mark = number(words.back(), 1, UINT_MAX);
      if (!mark) {
        wrong("invalid fwmark value `" + words.back() + "' specified");
      }
      where.packet.mark = mark.value_or(0);
    }
    return where;
  }

  Trace trace() {
    Trace trace{.count = has(Option::packets)
                             ? number_of(Option::packets, 1, kIntMax,
                                         "illegal count `" + text(Option::packets) + "' specified")
                             : 0,
                .json = has(Option::json)};
    for (const std::string& word : given_.place) {
      take_filter_word(word, trace.filter);
    }
    if (given_.service_kind == 'f') {
      wrong("--trace knows a service by its address: -t, -u or --sctp-service");
    } else if (has(Option::service)) {
      const auto place = host_port(text(Option::service), protocol(), resolver_);
      if (!place) {
        wrong("illegal virtual server address[:port] specified");
        return trace;
      }
      if (trace.filter.protocol.value_or(protocol()) != protocol()) {
        wrong("--trace wants one protocol");
      }
      trace.filter.service = Endpoint{place->address, place->port.value_or(0)};
      trace.filter.protocol = protocol();
    }
    const auto& [clients, service, of, drops] = trace.filter;
    if (clients && service && clients->prefix.family() != service->address.family()) {
      wrong("--trace wants client and virtual server of one address family");
    }
    return trace;
  }

  // Each at most once, in any order.
  void take_filter_word(const std::string& word, TraceFilter& filter) {
    constexpr std::pair<const char*, Protocol> kProtocols[] = {
        {"tcp", Protocol::tcp}, {"udp", Protocol::udp}, {"sctp", Protocol::sctp}};
    bool is_second = false;
    if (word == "drops") {
      is_second = std::exchange(filter.only_drops, true);
    } else if (const auto* named = std::find_if(std::begin(kProtocols), std::end(kProtocols),
                                                [&](const auto& one) { return word == one.first; });
               named != std::end(kProtocols)) {
      is_second = filter.protocol.has_value();
      filter.protocol = named->second;
    } else if (const auto clients = prefix(word)) {
      is_second = filter.clients.has_value();
      filter.clients = TraceFilter::Clients{clients->prefix, clients->length};
    } else {
      return wrong(
          "--trace wants a client like 10.0.0.5 or 10.0.0.0/24, a protocol or `drops', not `" +
          word + "'");
    }
    if (is_second) {
      wrong("--trace: unexpected argument " + word);
    }
  }

  Endpoint end_of(const std::string& words, const std::string& whose) {
    const auto place = words.empty() ? std::nullopt : host_port(words, protocol(), resolver_);
    if (!place || place->port.value_or(0) == 0) {
      wrong("--where wants the " + whose + " as address:port, not `" + words + "'");
      return {};
    }
    return {place->address, *place->port};
  }

  const Given& given_;
  const Resolver& resolver_;
  std::optional<UsageError> error_;
};

}  // namespace

std::variant<Command, UsageError> parse(const std::vector<std::string>& arguments,
                                        const Resolver& resolver) {
  const auto given = split(arguments);
  if (const auto* error = std::get_if<UsageError>(&given)) {
    return *error;
  }
  if (const auto error = check(std::get<Given>(given))) {
    return *error;
  }
  return Builder(std::get<Given>(given), resolver).build();
}

}  // namespace lvs::lvsadm
