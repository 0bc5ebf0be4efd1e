#include "tools/lvsctl/import/ipvsadm.h"

#include <map>
#include <sstream>
#include <variant>

#include "tools/lvsadm/save_restore.h"
#include "tools/lvsctl/import/values.h"

namespace lvs::lvsctl::foreign {
namespace {

using config::RealServer;
using config::VirtualService;

constexpr long long kMostSeconds = 2678400;

class Reader {
 public:
  explicit Reader(const Hints& hints) : hints_(hints) {}

  Draft read(const std::string& text) {
    const lvsadm::RestorePlan plan = lvsadm::read_restore(text, hints_.names);
    tell_of_errors(text, plan);
    for (const auto& [line, request] : plan.lines) {
      line_ = line;
      std::visit([this](const auto& asked) { take(asked); }, request);
    }
    for (const auto& [key, place] : places_) {
      tell_of_family(key, services_[place]);
    }
    for (auto& service : services_) {
      add_check(service);
      draft_.add(std::move(service));
    }
    if (!services_.empty()) {
      draft_.note(0,
                  "check: such a table has no checks: a TCP connection is tried, of other "
                  "protocols nothing; write what the servers are to be asked");
      draft_.note(0, "address: such a table has no devices: the floating addresses are put on " +
                         hints_.device);
    }
    return std::move(draft_);
  }

 private:
  // In the order of their lines.
  void tell_of_errors(const std::string& text, const lvsadm::RestorePlan& plan) {
    std::istringstream lines(text);
    std::string line;
    int number = 0;
    for (const auto& [at, why] : plan.errors) {
      for (; number < at; ++number) {
        std::getline(lines, line);
      }
      draft_.leave(at, reason_of(line, why.substr(0, why.find('\n'))));
    }
  }

  // What lvsadm says to who types a line is not what helps who has it in a file.
  static std::string reason_of(const std::string& line, const std::string& why) {
    constexpr size_t kShown = 60;
    const std::string shown(trimmed(line).substr(0, kShown));
    const bool is_vague = why.starts_with("Try `") || why.starts_with("only commands");
    return shown + ": " +
           (is_vague ? "such a table has lines of -A, -a and --set only, each as ipvsadm -S "
                       "writes it"
                     : why);
  }

  void take(const ipvs::NewService& asked) {
    if (places_.contains(asked.key)) {
      return draft_.leave(line_, to_string(asked.key) + " was given before: the first one counts");
    }
    VirtualService service;
    service.lines.block = line_;
    service.active = true;
    if (const auto* key = std::get_if<ipvs::AddressKey>(&asked.key)) {
      service.protocol = key->protocol;
      service.port = key->port;
      service.address = {key->address, hints_.device, hints_.device, std::nullopt};
    } else {
      service.fwmark = std::get<ipvs::MarkKey>(asked.key).mark;
    }
    const ipvs::Service& settings = asked.service;
    service.scheduler = settings.scheduler;
    service.sched_flags = flag_names(settings.scheduler, settings.flags);
    if ((settings.flags & ipvs::kPersistent) != 0) {
      service.persistent = bounded(draft_, {line_, "-p"}, std::chrono::seconds{settings.timeout},
                                   Duration{0}, kLongestPersistence);
      service.pmask_prefix = settings.prefix;
    }
    service.ops = (settings.flags & ipvs::kOnePacket) != 0;
    service.persistence_engine = settings.persistence_engine;
    places_[asked.key] = services_.size();
    services_.push_back(std::move(service));
  }

  void take(const ipvs::NewDest& asked) {
    const auto place = places_.find(asked.service);
    if (place == places_.end()) {
      return draft_.leave(line_, "there is no service " + to_string(asked.service) +
                                     " above this server: add it by -A");
    }
    if (asked.dest.tunnel_type != ipvs::TunnelType::ipip) {
      const bool is_gre = asked.dest.tunnel_type == ipvs::TunnelType::gre;
      tell_of_tunnel(draft_, {line_, std::string("--tun-type ") + (is_gre ? "gre" : "gue")});
    }
    RealServer server;
    server.lines.block = line_;
    server.address = asked.key.address;
    server.port = asked.key.port;
    server.weight =
        static_cast<int>(bounded(draft_, {line_, "-w"}, asked.dest.weight, 0, kMostWeight));
    server.forward = asked.dest.forward;
    server.u_threshold = asked.dest.upper_threshold;
    server.l_threshold = asked.dest.lower_threshold;
    draft_.add(services_[place->second], std::move(server));
  }

  void take(const ipvs::SetConfig& asked) {
    const auto bound = [&](uint32_t seconds) {
      return static_cast<uint32_t>(bounded(draft_, {line_, "--set"}, seconds, 0, kMostSeconds));
    };
    draft_.globals.tcp_timeout = bound(asked.timeouts.tcp);
    draft_.globals.tcpfin_timeout = bound(asked.timeouts.tcp_fin);
    draft_.globals.udp_timeout = bound(asked.timeouts.udp);
  }

  // A mark's service without an address is of the family that family_of() finds.
  void tell_of_family(const ipvs::ServiceKey& key, const VirtualService& service) {
    const auto* mark = std::get_if<ipvs::MarkKey>(&key);
    if (mark != nullptr && mark->family != family_of(service)) {
      const std::string meant = mark->family == Family::v6 ? "IPv6" : "IPv4";
      draft_.leave(service.lines.block, "fwmark " + std::to_string(mark->mark) + ": it is of " +
                                            meant + ", which its servers do not say: write an " +
                                            meant + " address into it");
    }
  }

  template <typename Other>
  void take(const Other& asked) {
    draft_.leave(line_, ipvs::to_string(ipvs::Request(asked)) + ": is no part of a table");
  }

  static void add_check(VirtualService& service) {
    const bool has_port = service.fwmark == 0 && service.port != 0;
    const bool connects = service.protocol == ipvs::Protocol::tcp && has_port;
    const bool associates = service.protocol == ipvs::Protocol::sctp && has_port;
    service.check =
        connects ? config::Check(config::TcpConnect{})
                 : config::Check(config::NamedCheck{associates ? "sctp" : config::kNoCheck, {}});
  }

  const Hints& hints_;
  Draft draft_;
  int line_ = 0;
  std::vector<VirtualService> services_;
  std::map<ipvs::ServiceKey, size_t> places_;
};

}  // namespace

Draft read_ipvsadm(const std::string& text, const Hints& hints) {
  return Reader(hints).read(text);
}

}  // namespace lvs::lvsctl::foreign
