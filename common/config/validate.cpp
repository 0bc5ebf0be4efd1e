// Rules of the globals, and between services.
#include "common/config/validate.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "common/ipvs/capabilities.h"

namespace lvs::config {

namespace {

using Entry = Blocks<VirtualService>::Entry;

std::string described(const Entry& entry) {
  return entry.block->name + " (line " + std::to_string(entry.line) + ")";
}

class ConfigRules {
 public:
  explicit ConfigRules(const Config& config) : config_(config) {}

  Diagnostics check() {
    check_directors();
    check_heartbeat();
    check_heartbeat_addresses();
    check_connections();
    check_devices();
    check_witnesses();
    check_something_to_serve();
    check_names_and_keys_are_unique();
    check_floating_addresses();
    check_marks_do_not_overlap();
    check_addresses_beside_marks();
    check_switches_are_set();
    return std::move(found_);
  }

 private:
  void check_directors() {
    const SourceLines& lines = config_.lines;
    if (lines.waits_for("primary")) {
      return;
    }
    if (lines.refused("primary")) {
      return;
    }
    if (!config_.primary || config_.primary->is_unspecified()) {
      error(lines, "primary", "expected the real public address of the primary director");
      return;
    }
    if (!config_.backup_active) {
      if (config_.backup && !lines.has("backup_active")) {
        warning(lines, "backup", "not used without backup_active = 1: a director serves alone");
      }
      return;
    }
    if (config_.backup == config_.primary) {
      error(lines, "backup",
            "expected an address other than that of primary, " + to_string(*config_.primary));
    }
    if (config_.primary_private && config_.primary_private == config_.backup_private) {
      error(
          lines, "backup_private",
          "expected an address other than primary_private, " + to_string(*config_.primary_private));
    }
    if (config_.primary_private && !config_.backup_private) {
      warning(lines, "primary_private", "no second path for heartbeats without backup_private");
    }
    if (config_.backup && config_.backup->family() != config_.primary->family()) {
      error(lines, "backup",
            "expected an address of the same family as primary, not " + to_string(*config_.backup));
    }
  }

  void check_heartbeat() {
    if (config_.backup_active && config_.heartbeat_port == 0) {
      error(config_.lines, "heartbeat_port", "expected a port, 1 to 65535");
    }
    if (config_.backup_active && config_.heartbeat_format == HeartbeatFormat::legacy) {
      warning(
          config_.lines, "heartbeat_format",
          "not authenticated: who can send from the other director's address decides who serves; "
          "meant for the time in which that still runs Piranha's pulse");
      if (config_.failback.enabled) {
        warning(config_.lines, "failback", "not in effect with heartbeat_format = legacy");
      }
    }
    const Duration used = heartbeat_interval(config_);
    if (used != config_.keepalive) {
      warning(config_.lines, "keepalive",
              "a late heartbeat would be a takeover: expected less than half of deadtime; "
              "heartbeats are "
              "sent every " +
                  std::to_string(to_ms(used).count()) + " ms, a third of it");
    }
  }

  // Such an address is one of each device; which is meant cannot be said here.
  void check_heartbeat_addresses() {
    const std::pair<const char*, std::optional<Address>> all[] = {
        {"primary", config_.primary},
        {"primary_private", config_.primary_private},
        {"backup", config_.backup},
        {"backup_private", config_.backup_private}};
    for (const auto& [key, address] : all) {
      if (address && address->is_link_local()) {
        error(config_.lines, key,
              "expected an address that is not link-local, as " + to_string(*address) +
                  " is: give the device one of a unique "
                  "local network, such as fd00::1/64, and write that");
      }
    }
  }

  void check_devices() {
    for (const std::string& device : config_.interfaces) {
      if (device.find(',') != std::string::npos) {
        warning(config_.lines, "interfaces",
                "names are separated by blanks, not by commas: no device is called " + device);
      }
    }
  }

  // Who holds it reaches it whatever is cut.
  void check_witnesses() {
    const auto floating = floating_addresses(config_);
    for (const Address& witness : config_.witness) {
      if (!witness.is_unspecified() &&
          std::ranges::count(floating, witness, &FloatingAddress::address) != 0) {
        warning(
            config_.lines, "witness",
            to_string(witness) +
                " is a floating address, which answers its holder whatever is cut: name another "
                "machine, such as a router");
      }
    }
  }

  void check_connections() {
    constexpr uint32_t kLeast = 1024;
    if (config_.connections != 0 && config_.connections < kLeast) {
      error(config_.lines, "connections",
            "expected 0 (by the machine's memory), or at least " + std::to_string(kLeast));
    }
  }

  void check_something_to_serve() {
    const bool fos = config_.service == ServiceMode::fos;
    const auto& blocks = fos ? config_.failovers : config_.virtuals;
    const bool any =
        std::any_of(blocks.begin(), blocks.end(), [](const auto& b) { return b.active; });
    if (!any) {
      error(config_.lines, "",
            fos ? "no active failover services defined" : "no active lvs services defined");
    }
  }

  void check_names_and_keys_are_unique() {
    std::map<std::string_view, int> names;
    std::map<ipvs::ServiceKey, const Entry*> keys;
    for (const auto& entry : config_.virtuals.entries()) {
      const VirtualService& service = *entry.block;
      if (const auto [first, added] = names.try_emplace(service.name, entry.line); !added) {
        warning(entry, "virtual",
                "the name " + service.name + " was given in line " + std::to_string(first->second));
      }
      const bool has_place = service.address || service.fwmark != 0;
      if (!service.in_use() || !has_place || !is_place_read(service.lines)) {
        continue;
      }
      const auto [first, added] = keys.try_emplace(key_of(service), &entry);
      if (!added) {
        error(entry, service.fwmark == 0 ? "port" : "fwmark",
              "expected a service of its own: " + described(*first->second) + " has this one" +
                  way_to_join(*first->second->block, service));
      }
    }
  }

  static bool is_place_read(const SourceLines& lines) {
    return !lines.refused("address") && !lines.refused("port") && !lines.refused("fwmark") &&
           !lines.refused("protocol");
  }

  // As Piranha's administrators give two blocks one mark.
  static std::string way_to_join(const VirtualService& first, const VirtualService& second) {
    const bool is_same = first.protocol == second.protocol;
    if (first.fwmark == 0 || (is_same && first.port == second.port)) {
      return "";
    }
    return ": one block serves the ports of both with mark_ports = " + word_of(first.protocol) +
           "/" + std::to_string(first.port) +
           (is_same ? "," : " " + word_of(second.protocol) + "/") + std::to_string(second.port);
  }

  static ipvs::ServiceKey key_of(const VirtualService& service) {
    if (service.fwmark != 0) {
      return ipvs::MarkKey{service.fwmark, family_of(service)};
    }
    const Address address = service.address ? service.address->address : Address{};
    return ipvs::AddressKey{service.protocol, address, service.port};
  }

  void check_floating_addresses() {
    std::map<Address, const Entry*> holders;
    for (const auto& entry : config_.virtuals.entries()) {
      const VirtualService& service = *entry.block;
      if (!service.in_use() || !service.address) {
        continue;
      }
      const FloatingAddress& vip = *service.address;
      const auto [first, added] = holders.try_emplace(vip.address, &entry);
      const FloatingAddress& held = *first->second->block->address;
      if (!added && (held.label != vip.label || held.prefix != vip.prefix)) {
        warning(entry, "address",
                "device and netmask of " + described(*first->second) + " count for this address");
      }
      if (added && is_end_of_network(vip)) {
        warning(entry, "address",
                to_string(vip.address) +
                    " is the address of its whole network, or its broadcast "
                    "address: no client reaches a service there");
      }
      if (vip.address.is_of_many()) {
        error(entry, "address", "expected an address of one machine at a time");
      }
      if (is_a_directors(vip.address)) {
        error(entry, "address", directors_own(vip.address));
      }
    }
    if (config_.nat_router && is_a_directors(config_.nat_router->address)) {
      error(config_.lines, "nat_router", directors_own(config_.nat_router->address));
    }
    check_servers_are_others();
    if (config_.nat_router && config_.nat_router->address.is_unspecified() &&
        !config_.lines.waits_for("nat_router") && config_.network == ipvs::Forward::masq) {
      warning(config_.lines, "nat_router", "0.0.0.0 counts as not given");
    }
    check_way_back();
  }

  // Two machines would answer for a floating address.
  void check_servers_are_others() {
    std::set<Address> floating;
    for (const auto& each : floating_addresses(config_)) {
      floating.insert(each.address);
    }
    for (const auto& entry : config_.virtuals.entries()) {
      const VirtualService& service = *entry.block;
      for (const auto& server : service.servers) {
        const bool is_own = service.address && service.address->address == server.address;
        if (service.in_use() && server.in_use() && !is_own && !server.address.is_unspecified() &&
            floating.contains(server.address)) {
          found_.push_back({Severity::warning, "", entry.line + server.lines.of("address"),
                            "address",
                            to_string(server.address) +
                                " floats between the directors: name the server's own address"});
        }
      }
    }
  }

  static bool is_end_of_network(const FloatingAddress& floating) {
    constexpr unsigned kLongest = 30;  // A longer prefix leaves no such addresses.
    if (!floating.address.is_v4() || floating.prefix.value_or(32) > kLongest) {
      return false;
    }
    const uint8_t* bytes = floating.address.bytes();
    const uint32_t value = uint32_t{bytes[0]} << 24 | uint32_t{bytes[1]} << 16 |
                           uint32_t{bytes[2]} << 8 | uint32_t{bytes[3]};
    const uint32_t hosts = 0xffffffffU >> *floating.prefix;
    return (value & hosts) == 0 || (value & hosts) == hosts;
  }

  // A director's own address does not move: the way back of the servers would end with it.
  void check_way_back() {
    const bool has_router = config_.nat_router && config_.network == ipvs::Forward::masq;
    const bool is_served = config_.service == ServiceMode::lvs;
    if (has_router || !config_.backup_active || !is_served) {
      return;
    }
    const auto translates = [&](const VirtualService& service) {
      return service.in_use() &&
             std::any_of(service.servers.begin(), service.servers.end(), [&](const auto& server) {
               return server.in_use() &&
                      effective_forward(config_, service, server) == ipvs::Forward::masq;
             });
    };
    if (std::any_of(config_.virtuals.begin(), config_.virtuals.end(), translates)) {
      warning(config_.lines, "network",
              "nat, and no nat_router that moves with the services: servers whose gateway is a "
              "director's own address answer nobody after a failover");
    }
  }

  static std::string directors_own(const Address& address) {
    return "expected a floating address: " + to_string(address) + " is a director's own";
  }

  bool is_a_directors(const Address& address) const {
    return address == config_.primary || address == config_.backup ||
           address == config_.primary_private || address == config_.backup_private;
  }

  // Two marks for one packet: the later rule would win, whichever that is.
  void check_marks_do_not_overlap() {
    struct Marked {
      const Entry* entry;
      const MarkPorts* ports;
    };
    std::map<Address, std::vector<Marked>> marked;
    std::set<std::pair<const Entry*, const Entry*>> told;
    for (const auto& entry : config_.virtuals.entries()) {
      const VirtualService& service = *entry.block;
      if (!service.in_use() || !service.address || service.lines.refused("fwmark")) {
        continue;
      }
      for (const auto& ports : service.mark_ports) {
        auto& before = marked[service.address->address];
        for (const auto& [other, its_ports] : before) {
          if (other->block->fwmark != service.fwmark && overlap(*its_ports, ports) &&
              told.insert({other, &entry}).second) {
            error(entry, "mark_ports",
                  "expected ports of its own: " + described(*other) +
                      " marks some of them otherwise");
          }
        }
        before.push_back({&entry, &ports});
      }
    }
  }

  // Of two services that a packet belongs to, the stack knows the mark's first, express the other.
  void check_addresses_beside_marks() {
    std::map<Address, std::vector<const Entry*>> marked;
    for (const auto& entry : config_.virtuals.entries()) {
      const VirtualService& service = *entry.block;
      if (service.in_use() && service.fwmark != 0 && service.address) {
        marked[service.address->address].push_back(&entry);
      }
    }
    for (const auto& by_address : config_.virtuals.entries()) {
      const VirtualService& service = *by_address.block;
      if (marked.empty() || !service.in_use() || service.fwmark != 0 || !service.address) {
        continue;
      }
      for (const Entry* by_mark : marked[service.address->address]) {
        if (share_a_port(service, *by_mark->block)) {
          warn_of_one_before(*by_mark, by_address);
        }
      }
    }
  }

  // Without mark_ports somebody else's rules choose whom they mark; a service of any port has those
  // that are not marked.
  void warn_of_one_before(const Entry& by_mark, const Entry& by_address) {
    if (config_.first_packet == FirstPacket::express && config_.core == CoreKind::embedded) {
      warning(by_mark, "mark_ports",
              "first_packet = express gives what has this mark to " + described(by_address) +
                  " where its address and port are that one's: give them different ports, or use "
                  "first_packet = stack");
    } else if (!by_mark.block->mark_ports.empty() && by_address.block->port != 0) {
      warning(by_address, "port",
              "nothing comes to this service: " + described(by_mark) +
                  " marks what is for its address and port, and a service by mark goes first: "
                  "take the port out of mark_ports there, or this service out");
    }
  }

  // Switches that are asked for by key are set like the others, or not at all.
  void check_switches_are_set() {
    const std::pair<const char*, bool> asked[] = {{"conntrack", config_.conntrack},
                                                  {"drop_entry", config_.drop_entry.has_value()},
                                                  {"drop_packet", config_.drop_packet.has_value()},
                                                  {"secure_tcp", config_.secure_tcp.has_value()},
                                                  {"am_droprate", config_.am_droprate.has_value()},
                                                  {"amemthresh", config_.amemthresh.has_value()}};
    for (const auto& [key, is_asked] : asked) {
      if (is_asked && !config_.manage_sysctls) {
        warning(config_.lines, key,
                std::string("not in effect with manage_sysctls = 0: the switch is yours to set "
                            "(lvsadm --setting ") +
                    key + ")");
      }
    }
  }

  static std::string word_of(ipvs::Protocol protocol) {
    return std::find_if(ipvs::kProtocols.begin(), ipvs::kProtocols.end(),
                        [&](const auto& each) { return each.protocol == protocol; })
        ->name;
  }

  static bool share_a_port(const VirtualService& plain, const VirtualService& marked) {
    constexpr uint16_t kLastPort = 65535;
    const bool is_any = plain.port == 0;
    if (marked.mark_ports.empty()) {
      return is_any || plain.port == marked.port;
    }
    const uint16_t first = is_any ? uint16_t{1} : plain.port;
    const MarkPorts own{word_of(plain.protocol), {{first, is_any ? kLastPort : plain.port}}};
    return std::any_of(marked.mark_ports.begin(), marked.mark_ports.end(),
                       [&](const MarkPorts& ports) { return overlap(ports, own); });
  }

  static bool overlap(const MarkPorts& a, const MarkPorts& b) {
    if (a.protocol != b.protocol) {
      return false;
    }
    for (const auto& [first, last] : a.ranges) {
      for (const auto& [other_first, other_last] : b.ranges) {
        if (first <= other_last && other_first <= last) {
          return true;
        }
      }
    }
    return a.ranges.empty() && b.ranges.empty();
  }

  void error(const Entry& entry, std::string_view key, std::string text) {
    note(Severity::error, entry.line + entry.block->lines.of(key), key, std::move(text));
  }
  void error(const SourceLines& lines, std::string_view key, std::string text) {
    note(Severity::error, lines.of(key), key, std::move(text));
  }
  void warning(const Entry& entry, std::string_view key, std::string text) {
    note(Severity::warning, entry.line + entry.block->lines.of(key), key, std::move(text));
  }
  void warning(const SourceLines& lines, std::string_view key, std::string text) {
    note(Severity::warning, lines.of(key), key, std::move(text));
  }
  void note(Severity severity, int line, std::string_view key, std::string text) {
    found_.push_back({severity, "", line, std::string(key), std::move(text)});
  }

  const Config& config_;
  Diagnostics found_;
};

}  // namespace

Diagnostics broken_rules(const Config& config) {
  return ConfigRules(config).check();
}

}  // namespace lvs::config
