// Rules within one service_.
#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <sstream>

#include "common/config/check_syntax.h"
#include "common/config/ftp_rules.h"
#include "common/config/mark_rules.h"
#include "common/config/text.h"
#include "common/config/validate.h"
#include "common/ipvs/capabilities.h"

namespace lvs::config {

namespace {

// Where a service is that is checked so.
struct UsualPort {
  std::string_view check;
  uint16_t port;
};
constexpr std::array<UsualPort, 4> kUsualPorts = {
    {{"https", 443}, {"dns", 53}, {"smtp", 25}, {"ftp", 21}}};

bool looks_like_a_pattern(std::string_view text) {
  const auto holds = [&](std::string_view part) { return text.find(part) != std::string::npos; };
  const bool has_choice = holds("(") && holds("|") && holds(")");
  return text.starts_with('^') || holds(".*") || holds(".+") || holds("[0-9") || holds("]+") ||
         holds("\\.") || has_choice;
}

class ServiceRules {
 public:
  ServiceRules(const Globals& globals, const VirtualService& service, int first_line)
      : globals_(globals), service_(service), first_line_(first_line) {}

  Diagnostics check() {
    const bool has_address = service_.address && !service_.address->address.is_unspecified();
    if (!has_address && service_.fwmark == 0) {
      error(service_.lines, "address", "expected an address and its device (192.0.2.10 eth0:1)",
            {"fwmark"});
    }
    if (service_.port == 0 && service_.fwmark == 0 && service_.persistent == Duration{0}) {
      error(service_.lines, "port", "expected persistent as well: port 0 stands for all ports",
            {"fwmark", "persistent"});
    }
    if (!service_.mark_ports.empty() && service_.fwmark == 0) {
      error(service_.lines, "mark_ports", "expected fwmark as well: the mark to set", {"fwmark"});
    } else if (!service_.mark_ports.empty() && !has_address) {
      error(service_.lines, "mark_ports", "expected address as well: whose packets to mark",
            {"address"});
    }
    if (service_.pmask_prefix > 32 && family_of(service_) == Family::v4) {
      error(service_.lines, "pmask", "expected a netmask of the service's family, IPv4",
            {"address"});
    }
    check_flags_fit_scheduler();
    check_one_packet();
    check_persistence_engine();
    check_probe();
    check_ipsec();
    for (auto& remark : ftp_remarks(globals_, service_)) {
      found_.push_back(std::move(remark));
    }
    for (auto& remark : mark_remarks(globals_, service_)) {
      found_.push_back(std::move(remark));
    }
    check_sorry_server();
    check_servers();
    return std::move(found_);
  }

 private:
  void check_flags_fit_scheduler() {
    for (const auto& flag : service_.sched_flags) {
      const auto* known = ipvs::find_named(ipvs::kSchedulerFlags, flag);
      const std::string owner = known == nullptr ? "" : known->scheduler;
      if (!owner.empty() && owner != service_.scheduler) {
        error(service_.lines, "sched_flags", "expected scheduler = " + owner + " for " + flag,
              {"scheduler"});
      }
    }
  }

  void check_one_packet() {
    if (!service_.ops) {
      return;
    }
    if (service_.fwmark == 0 && service_.protocol != ipvs::Protocol::udp) {
      error(service_.lines, "ops", "expected protocol = udp as well, or a fwmark",
            {"protocol", "fwmark"});
    }
    if (service_.forward.value_or(globals_.network) == ipvs::Forward::masq) {
      warning(service_.lines, "ops",
              "the answers of nat servers belong to no connection and keep the servers' addresses: "
              "use forward = direct or tunnel");
    }
  }

  void check_persistence_engine() {
    if (service_.persistence_engine.empty()) {
      return;
    }
    if (service_.fwmark == 0 && service_.protocol != ipvs::Protocol::udp) {
      error(service_.lines, "persistence_engine", "expected protocol = udp as well, or a fwmark",
            {"protocol", "fwmark"});
    }
    if (service_.persistent == Duration{0}) {
      error(service_.lines, "persistence_engine",
            "expected persistent as well: how long a call stays with its server", {"persistent"});
    }
  }

  void check_probe() {
    const bool old_style =
        !service_.send.empty() || !service_.expect.empty() || !service_.send_program.empty();
    if (service_.check && old_style) {
      warning(service_.lines, "check", "send, expect and send_program are not used beside it");
    }
    if (service_.use_regex && !service_.check && service_.send_program.empty()) {
      const std::string why = regex_error(translate_escapes(unquoted(service_.expect)));
      if (!why.empty()) {
        error(service_.lines, "expect", "expected an extended regular expression: " + why);
      }
    }
    if (service_.use_regex && !service_.check && service_.expect.empty()) {
      warning(service_.lines, "use_regex", "has no meaning without expect");
    } else if (service_.use_regex && !service_.check && !service_.send_program.empty()) {
      warning(service_.lines, "use_regex",
              "is not used with send_program: expect is exactly what it prints");
    }
    check_script();
    if (!service_.use_regex && !service_.check && service_.send_program.empty() &&
        looks_like_a_pattern(unquoted(service_.expect))) {
      warning(service_.lines, "expect",
              "looks like a regular expression, and is compared as it stands: use_regex = 1");
    }
    if (service_.protocol == ipvs::Protocol::udp && !service_.check &&
        service_.send_program.empty() && service_.expect.empty()) {
      warning(service_.lines, "protocol",
              "a udp service without expect is checked by a TCP connection to its port");
    }
    check_probe_speaks_sctp();
    check_probe_goes_where_it_should();
    check_probe_has_a_port();
    if (service_.script_legacy && service_.send_program.empty()) {
      warning(service_.lines, "script_legacy", "has no meaning without send_program");
    }
  }

  // A command that was tried in a shell.
  void check_script() {
    const Check check = effective_check(service_);
    const auto* script = std::get_if<ScriptCheck>(&check);
    if (script == nullptr) {
      return;
    }
    const char* key = service_.check ? "check" : "send_program";
    std::istringstream words(script->command);
    bool names_server = false;
    for (std::string word; words >> word;) {
      names_server = names_server || word == "%h";
      if (word == ";" || word == "&&" || word.starts_with('|') || word.find('>') < 2) {
        warning(service_.lines, key,
                "no shell runs it, " + word +
                    " is one more argument: put the line into a script and name that");
        break;
      }
    }
    const auto used = std::count_if(service_.servers.begin(), service_.servers.end(),
                                    [](const RealServer& server) { return server.in_use(); });
    if (!names_server && used > 1) {
      warning(service_.lines, key,
              "is the same for each server: %h, a word of its own, becomes the server's address");
    }
  }

  // What these would check with was never there, so no server would ever be used.
  void check_probe_speaks_sctp() {
    const Check check = effective_check(service_);
    const auto* named = std::get_if<NamedCheck>(&check);
    const bool is_sctp = service_.protocol == ipvs::Protocol::sctp;
    if (named != nullptr && named->kind == "sctp" && !is_sctp && service_.fwmark == 0) {
      warning(service_.lines, "check",
              "the service is none of sctp, and its servers are asked for an association of sctp");
    }
    if (!is_sctp) {
      return;
    }
    if (std::holds_alternative<TcpConnect>(check)) {
      error(service_.lines, "check",
            "expected sctp, which tries an association: a server of sctp takes no connection of "
            "tcp",
            {"send", "expect", "send_program"});
    } else if (std::holds_alternative<SendExpect>(check)) {
      error(service_.lines,
            service_.check          ? "check"
            : service_.send.empty() ? "expect"
                                    : "send",
            "expected check = sctp, or check = script for more: nothing is sent or expected over "
            "sctp",
            {"check", "send_program"});
    }
  }

  // The port of a mark's service is where its checks go, and nothing else.
  void check_probe_goes_where_it_should() {
    const std::string kind = kind_of(effective_check(service_));
    const auto usual = std::find_if(kUsualPorts.begin(), kUsualPorts.end(),
                                    [&](const UsualPort& each) { return each.check == kind; });
    const bool is_given = service_.lines.of("port") != service_.lines.block;
    const bool any_without =
        std::any_of(service_.servers.begin(), service_.servers.end(),
                    [](const RealServer& server) { return server.in_use() && !server.port_given; });
    if (service_.fwmark != 0 && usual != kUsualPorts.end() && !is_given && any_without) {
      warning(service_.lines, "check",
              "asks the servers at port " + std::to_string(service_.port) +
                  ", the default: say by port where it is to ask, as in port = " +
                  std::to_string(usual->port));
    }
  }

  void check_probe_has_a_port() {
    static const std::set<std::string> kAskNoPort = {"script", "ping", "agent", kNoCheck};
    const bool any_without =
        std::any_of(service_.servers.begin(), service_.servers.end(),
                    [](const RealServer& server) { return server.in_use() && server.port == 0; });
    const bool is_wrong_anyway = service_.fwmark == 0 && service_.persistent == Duration{0};
    if (any_without && !is_wrong_anyway &&
        !kAskNoPort.contains(kind_of(effective_check(service_)))) {
      error(service_.lines, "check",
            "expected a port to check at, port in each server, or check = ping, agent, script or "
            "none: nobody answers at port 0",
            {"port", "send", "expect", "send_program"});
    }
  }

  void check_ipsec() {
    const bool nat = service_.forward.value_or(globals_.network) == ipvs::Forward::masq;
    for (const auto& marked : service_.mark_ports) {
      if (nat && marked.protocol == "ah") {
        warning(service_.lines, "mark_ports", "ah does not survive nat: use forward = direct");
      }
      if (nat && marked.protocol == "esp") {
        warning(service_.lines, "mark_ports",
                "esp survives nat in tunnel mode only, not in transport mode");
      }
    }
  }

  void check_sorry_server() {
    if (!service_.sorry_server) {
      return;
    }
    if (!service_.sorry_server->is_unspecified() &&
        service_.sorry_server->family() != family_of(service_)) {
      error(service_.lines, "sorry_server",
            "expected an address of the same family as the service's, not " +
                to_string(*service_.sorry_server),
            {"address"});
    }
    const bool is_server = std::any_of(
        service_.servers.begin(), service_.servers.end(), [&](const RealServer& server) {
          return server.in_use() && server.address == *service_.sorry_server &&
                 server.port == service_.port;
        });
    if (is_server) {
      warning(service_.lines, "sorry_server", "is a server of this service as well");
    }
  }

  void check_servers() {
    std::map<Endpoint, const RealServer*> seen;
    std::set<Address> machines;
    int active = 0;
    for (const auto& server : service_.servers) {
      if (!server.in_use()) {
        continue;
      }
      ++active;
      check_server(server);
      const bool has_place = !server.lines.refused("address") && !server.lines.refused("port") &&
                             !service_.lines.refused("port");
      if (!has_place) {
        continue;
      }
      const auto [first, added] = seen.try_emplace({server.address, server.port}, &server);
      if (!added) {
        error(server.lines, "address",
              "expected a server of its own: " + first->second->name + " (line " +
                  std::to_string(first_line_ + first->second->lines.block) + ") has " +
                  to_string(Endpoint{server.address, server.port}));
      }
      const bool nat = effective_forward(globals_, service_, server) == ipvs::Forward::masq;
      if (!nat && service_.fwmark == 0 && !machines.insert(server.address).second && added) {
        warning(server.lines, "address",
                to_string(server.address) +
                    " is here already, and gets two shares: direct and tunnel leave the port as it "
                    "is");
      }
    }
    if (active == 0 && !service_.sorry_server) {
      warning(service_.lines, "virtual", "no active server: its connections are refused");
    }
    if (service_.quorum > 1 && service_.quorum > active) {
      warning(service_.lines, "quorum", "is more than the active servers: never reached");
    }
  }

  void check_server(const RealServer& server) {
    const bool tunnel = effective_forward(globals_, service_, server) == ipvs::Forward::tunnel;
    const bool nat = effective_forward(globals_, service_, server) == ipvs::Forward::masq;
    if (server.address.is_unspecified() || server.address.is_of_many()) {
      error(server.lines, "address", "expected the server's address");
    } else if (!tunnel && server.address.family() != family_of(service_) &&
               !service_.lines.refused("address")) {
      error(server.lines, "address",
            "expected an address of the same family as the service's, not " +
                to_string(server.address));
    }
    if (service_.address && server.address == service_.address->address) {
      error(
          server.lines, "address",
          "expected the server's own address: " + to_string(server.address) + " is the service's");
    }
    if (nat && server.address.is_loopback()) {
      error(server.lines, "port",
            "expected the service's port: this director gets what is for its loopback address as "
            "it is; for another port write the director's own address",
            {"address"});
    } else if (!nat && service_.fwmark == 0 && server.port != service_.port) {
      warning(server.lines, "port",
              "direct and tunnel leave the port as it is: only the checks go to this one");
    }
    if (server.l_threshold > server.u_threshold) {
      error(server.lines, "l_threshold", "expected at most u_threshold", {"u_threshold"});
    }
  }

  // Not where the key, or one of these beside it, could not be read: that was said.
  void error(const SourceLines& lines, std::string_view key, std::string text,
             std::initializer_list<std::string_view> beside = {}) {
    const auto is_refused = [&](std::string_view each) { return lines.refused(each); };
    if (!is_refused(key) && std::none_of(beside.begin(), beside.end(), is_refused)) {
      note(Severity::error, lines, key, std::move(text));
    }
  }
  void warning(const SourceLines& lines, std::string_view key, std::string text) {
    note(Severity::warning, lines, key, std::move(text));
  }
  void note(Severity severity, const SourceLines& lines, std::string_view key, std::string text) {
    found_.push_back({severity, "", lines.of(key), std::string(key), std::move(text)});
  }

  const Globals& globals_;
  const VirtualService& service_;
  const int first_line_;
  Diagnostics found_;
};

}  // namespace

Diagnostics broken_rules(const Globals& globals, const VirtualService& service, int first_line) {
  return service.in_use() ? ServiceRules(globals, service, first_line).check() : Diagnostics{};
}

}  // namespace lvs::config
