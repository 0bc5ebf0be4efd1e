#include "common/config/validate.h"

#include <algorithm>
#include <map>
#include <set>

#include "common/config/check_syntax.h"
#include "common/config/text.h"

namespace lvs::config {

namespace {

constexpr uint16_t kFtpPort = 21;

class Validator {
 public:
  Validator(const Config& config, std::string_view file) : config_(config), file_(file) {}

  Diagnostics run() {
    check_directors();
    check_heartbeat();
    check_something_to_serve();
    check_names_and_keys_are_unique();
    check_floating_addresses();
    for (const auto& service : config_.virtuals) {
      if (service.active) {
        check_service(service);
      }
    }
    check_marks_do_not_overlap();
    return std::move(found_);
  }

 private:
  void check_directors() {
    const SourceLines& lines = config_.lines;
    if (!config_.primary || config_.primary->is_unspecified()) {
      error(lines, "primary", "expected the real public address of the primary director");
      return;
    }
    if (!config_.backup_active) {
      return;
    }
    if (config_.backup == config_.primary) {
      error(lines, "backup", "expected an address other than that of primary");
    }
    if (config_.primary_private && config_.primary_private == config_.backup_private) {
      error(lines, "backup_private", "expected an address other than primary_private");
    }
    if (config_.primary_private && !config_.backup_private) {
      warning(lines, "primary_private", "no second path for heartbeats without backup_private");
    }
    if (config_.backup && config_.backup->family() != config_.primary->family()) {
      error(lines, "backup", "expected an address of the same family as primary");
    }
  }

  void check_heartbeat() {
    if (config_.backup_active && config_.heartbeat_port == 0) {
      error(config_.lines, "heartbeat_port", "expected a port, 1 to 65535");
    }
    if (config_.deadtime <= 2 * config_.keepalive) {
      warning(config_.lines, "deadtime",
              "expected more than twice keepalive: one lost heartbeat would be a takeover");
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
    std::map<std::string, int> names;
    std::map<ipvs::ServiceKey, const VirtualService*> keys;
    for (const auto& service : config_.virtuals) {
      if (const auto [first, added] = names.try_emplace(service.name, service.lines.block);
          !added) {
        warning(service.lines, "virtual",
                "the name " + service.name + " was given in line " + std::to_string(first->second));
      }
      if (!service.active || (!service.address && service.fwmark == 0)) {
        continue;
      }
      const auto [first, added] = keys.try_emplace(key_of(service), &service);
      if (!added) {
        error(service.lines, service.fwmark == 0 ? "port" : "fwmark",
              "expected a service of its own: " + first->second->name + " (line " +
                  std::to_string(first->second->lines.block) + ") has this one");
      }
    }
  }

  static ipvs::ServiceKey key_of(const VirtualService& service) {
    const Address address = service.address ? service.address->address : Address{};
    if (service.fwmark != 0) {
      return ipvs::MarkKey{service.fwmark, address.family()};
    }
    return ipvs::AddressKey{service.protocol, address, service.port};
  }

  void check_floating_addresses() {
    std::map<Address, const VirtualService*> holders;
    for (const auto& service : config_.virtuals) {
      if (!service.active || !service.address) {
        continue;
      }
      const FloatingAddress& vip = *service.address;
      const auto [first, added] = holders.try_emplace(vip.address, &service);
      if (!added && (first->second->address->label != vip.label ||
                     first->second->address->prefix != vip.prefix)) {
        warning(service.lines, "address",
                "device and netmask of " + first->second->name + " (line " +
                    std::to_string(first->second->lines.block) + ") count for this address");
      }
      if (is_a_directors(vip.address)) {
        error(service.lines, "address",
              "expected a floating address: this one is a director's own");
      }
    }
    if (config_.nat_router && is_a_directors(config_.nat_router->address)) {
      error(config_.lines, "nat_router",
            "expected a floating address: this one is a director's own");
    }
    if (config_.nat_router && config_.nat_router->address.is_unspecified() &&
        config_.network == ipvs::Forward::masq) {
      warning(config_.lines, "nat_router", "0.0.0.0 counts as not given");
    }
  }

  bool is_a_directors(const Address& address) const {
    return address == config_.primary || address == config_.backup ||
           address == config_.primary_private || address == config_.backup_private;
  }

  void check_service(const VirtualService& service) {
    const bool has_address = service.address && !service.address->address.is_unspecified();
    if (!has_address && service.fwmark == 0) {
      error(service.lines, "address", "expected an address and its device (192.0.2.10 eth0:1)");
    }
    if (service.port == 0 && service.fwmark == 0 && service.persistent == Duration{0}) {
      error(service.lines, "port", "expected persistent as well: port 0 stands for all ports");
    }
    if (!service.mark_ports.empty() && service.fwmark == 0) {
      error(service.lines, "mark_ports", "expected fwmark as well: the mark to set");
    } else if (!service.mark_ports.empty() && !has_address) {
      error(service.lines, "mark_ports", "expected address as well: whose packets to mark");
    }
    const bool ipv6 = has_address && !service.address->address.is_v4();
    if (service.pmask_prefix > 32 && !ipv6) {
      error(service.lines, "pmask", "expected a netmask of the address's family");
    }
    check_flags_fit_scheduler(service);
    check_probe(service);
    check_ftp_and_ipsec(service);
    check_sorry_server(service);
    check_servers(service);
  }

  void check_flags_fit_scheduler(const VirtualService& service) {
    for (const auto& flag : service.sched_flags) {
      const std::string owner = flag.substr(0, flag.find('-'));
      if (owner != "flag" && owner != service.scheduler) {
        error(service.lines, "sched_flags", "expected scheduler = " + owner + " for " + flag);
      }
    }
  }

  void check_probe(const VirtualService& service) {
    const bool old_style =
        !service.send.empty() || !service.expect.empty() || !service.send_program.empty();
    if (service.check && old_style) {
      warning(service.lines, "check", "send, expect and send_program are not used beside it");
    }
    if (service.use_regex && !service.check && service.send_program.empty()) {
      const std::string why = regex_error(translate_escapes(unquoted(service.expect)));
      if (!why.empty()) {
        error(service.lines, "expect", "expected an extended regular expression: " + why);
      }
    }
    if (service.protocol == ipvs::Protocol::udp && !service.check && service.send_program.empty() &&
        service.expect.empty()) {
      warning(service.lines, "protocol",
              "a udp service without expect is checked by a TCP connection to its port");
    }
    if (service.script_legacy && service.send_program.empty()) {
      warning(service.lines, "script_legacy", "has no meaning without send_program");
    }
  }

  void check_ftp_and_ipsec(const VirtualService& service) {
    const auto forward = service.forward.value_or(config_.network);
    const bool nat = forward == ipvs::Forward::masq;
    if (service.port == kFtpPort && !nat && service.persistent == Duration{0}) {
      warning(
          service.lines, "port",
          "expected persistent as well: the data connections of ftp must reach the same server");
    }
    for (const auto& marked : service.mark_ports) {
      if (nat && marked.protocol == "ah") {
        warning(service.lines, "mark_ports", "ah does not survive nat: use forward = direct");
      }
      if (nat && marked.protocol == "esp") {
        warning(service.lines, "mark_ports",
                "esp survives nat in tunnel mode only, not in transport mode");
      }
    }
  }

  void check_sorry_server(const VirtualService& service) {
    if (!service.sorry_server) {
      return;
    }
    if (service.address && service.sorry_server->family() != service.address->address.family()) {
      error(service.lines, "sorry_server", "expected an address of the same family as address");
    }
    const bool is_server =
        std::any_of(service.servers.begin(), service.servers.end(), [&](const RealServer& server) {
          return server.active && server.address == *service.sorry_server &&
                 server.port == service.port;
        });
    if (is_server) {
      warning(service.lines, "sorry_server", "is a server of this service as well");
    }
  }

  void check_servers(const VirtualService& service) {
    std::map<Endpoint, const RealServer*> seen;
    int active = 0;
    for (const auto& server : service.servers) {
      if (!server.active) {
        continue;
      }
      ++active;
      check_server(service, server);
      const auto [first, added] = seen.try_emplace({server.address, server.port}, &server);
      if (!added) {
        error(server.lines, "address",
              "expected a server of its own: " + first->second->name + " (line " +
                  std::to_string(first->second->lines.block) + ") has this address and port");
      }
    }
    if (active == 0 && !service.sorry_server) {
      warning(service.lines, "virtual", "no active server: its connections are refused");
    }
    if (service.quorum > 1 && service.quorum > active) {
      warning(service.lines, "quorum", "is more than the active servers: never reached");
    }
  }

  void check_server(const VirtualService& service, const RealServer& server) {
    const bool tunnel = effective_forward(config_, service, server) == ipvs::Forward::tunnel;
    const bool nat = effective_forward(config_, service, server) == ipvs::Forward::masq;
    if (server.address.is_unspecified()) {
      error(server.lines, "address", "expected the server's address");
    } else if (service.address && !tunnel &&
               server.address.family() != service.address->address.family()) {
      error(server.lines, "address", "expected an address of the same family as the service's");
    }
    if (service.address && server.address == service.address->address) {
      error(server.lines, "address", "expected the server's own address: this is the service's");
    }
    if (!nat && service.fwmark == 0 && server.port != service.port) {
      warning(server.lines, "port",
              "direct and tunnel leave the port as it is: only the checks go to this one");
    }
    if (server.l_threshold > server.u_threshold) {
      error(server.lines, "l_threshold", "expected at most u_threshold");
    }
  }

  // Two marks for one packet: the later rule would win, whichever that is.
  void check_marks_do_not_overlap() {
    struct Marked {
      const VirtualService* service;
      const MarkPorts* ports;
    };
    std::vector<Marked> all;
    for (const auto& service : config_.virtuals) {
      for (const auto& ports : service.mark_ports) {
        if (service.active && service.address) {
          all.push_back({&service, &ports});
        }
      }
    }
    std::set<std::pair<const VirtualService*, const VirtualService*>> told;
    for (size_t i = 0; i < all.size(); ++i) {
      for (size_t j = 0; j < i; ++j) {
        const auto& [one, ports] = all[j];
        const auto& [other, its_ports] = all[i];
        if (one->fwmark != other->fwmark && one->address->address == other->address->address &&
            overlap(*ports, *its_ports) && told.insert({one, other}).second) {
          error(other->lines, "mark_ports",
                "expected ports of its own: " + one->name + " (line " +
                    std::to_string(one->lines.block) + ") marks some of them otherwise");
        }
      }
    }
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

  void error(const SourceLines& lines, std::string_view key, std::string text) {
    note(Severity::error, lines, key, std::move(text));
  }
  void warning(const SourceLines& lines, std::string_view key, std::string text) {
    note(Severity::warning, lines, key, std::move(text));
  }
  void note(Severity severity, const SourceLines& lines, std::string_view key, std::string text) {
    found_.push_back({severity, file_, lines.of(key), std::string(key), std::move(text)});
  }

  const Config& config_;
  std::string file_;
  Diagnostics found_;
};

}  // namespace

Diagnostics validate(const Config& config, std::string_view file) {
  return Validator(config, file).run();
}

}  // namespace lvs::config
