#include "tools/lvsctl/import/ldirectord.h"

#include <algorithm>
#include <optional>

#include "common/ipvs/capabilities.h"
#include "tools/lvsctl/import/ldirectord_check.h"
#include "tools/lvsctl/import/values.h"

namespace lvs::lvsctl::foreign {
namespace {

using config::RealServer;
using config::VirtualService;

constexpr long long kMostMark = 0xffffffff;
constexpr uint32_t kRangeMax = 256;

std::optional<ipvs::Forward> forward_named(const std::string& word) {
  return word == "gate"   ? std::optional(ipvs::Forward::direct)
         : word == "masq" ? std::optional(ipvs::Forward::masq)
         : word == "ipip" ? std::optional(ipvs::Forward::tunnel)
                          : std::nullopt;
}

class ServiceReader {
 public:
  ServiceReader(const Virtual& given, const LdirectordLines& all, const Hints& hints, Draft& draft)
      : given_(given), settings_(given, all), hints_(hints), draft_(draft) {}

  void read() {
    service_.lines.block = given_.line;
    service_.active = settings_.text("checktype") != "off";
    if (!service_.active) {
      draft_.leave(settings_.line("checktype"), "checktype = off: the service is switched off");
    }
    if (!take_protocol() || !take_place()) {
      return;
    }
    take_choice();
    take_fallback();
    for (const Setting& real : given_.reals) {
      take_real(real);
    }
    take_check_port();
    add_check(service_, settings_, draft_);
    draft_.add(std::move(service_));
  }

 private:
  bool take_protocol() {
    const std::string name = settings_.text("protocol", "tcp");
    const auto* known = ipvs::find_named(ipvs::kProtocols, name);
    if (known == nullptr && name != "fwm") {
      draft_.leave(settings_.line("protocol"), "protocol: there is no " + name +
                                                   ": the service at line " +
                                                   std::to_string(given_.line) + " is left out");
      return false;
    }
    service_.protocol = known == nullptr ? ipvs::Protocol::tcp : known->protocol;
    return true;
  }

  bool take_place() {
    const auto mark = whole_number(given_.place);
    if (mark && *mark > 0 && *mark <= kMostMark) {
      service_.fwmark = static_cast<uint32_t>(*mark);
      return true;
    }
    const auto place = endpoint(given_.place, hints_.names, service_.protocol);
    if (!place) {
      draft_.leave(given_.line,
                   "virtual: expected an address and a port, or a mark; a name must "
                   "have an address now");
      return false;
    }
    service_.address = {place->address, hints_.device, hints_.device, std::nullopt};
    service_.port = place->port;
    return true;
  }

  void take_choice() {
    const std::string scheduler = settings_.text("scheduler", "wrr");
    is_scheduler(scheduler)
        ? void(service_.scheduler = scheduler)
        : draft_.leave(settings_.line("scheduler"), "there is no scheduler " + scheduler + ": " +
                                                        service_.scheduler + " is written");
    if (const Setting* persistent = settings_.find("persistent")) {
      const auto time = whole_number(persistent->value);
      time ? void(service_.persistent = bounded(draft_, {persistent->line, "persistent"},
                                                std::chrono::seconds{std::min(*time, 1LL << 40)},
                                                Duration{0}, kLongestPersistence))
           : draft_.leave(persistent->line,
                          "persistent: expected seconds, not " + persistent->value);
    }
    if (const Setting* netmask = settings_.find("netmask")) {
      const auto mask = Address::parse(netmask->value);
      const auto prefix = mask ? prefix_of_netmask(*mask) : std::nullopt;
      draft_.place(service_, "pmask", netmask->line);
      prefix&&* prefix > 0
          ? void(service_.pmask_prefix = *prefix)
          : draft_.leave(netmask->line, "netmask: expected a netmask, not " + netmask->value);
    }
    service_.quiesce_server = settings_.text("quiescent", "yes") == "yes";
    service_.ops = settings_.text("ops", "no") == "yes";
    draft_.place(service_, "ops", settings_.line("ops"));
  }

  // 127.0.0.1:80 gate
  void take_fallback() {
    const bool is_v6 = given_.is_v6 || (service_.address && !service_.address->address.is_v4());
    const Setting* of_v6 = is_v6 ? settings_.find("fallback6") : nullptr;
    const Setting* fallback = of_v6 != nullptr ? of_v6 : settings_.find("fallback");
    const std::string fallback_key = of_v6 != nullptr ? "fallback6" : "fallback";
    if (fallback == nullptr) {
      return;
    }
    const auto words = words_of(fallback->value);
    const auto place =
        words.empty() ? std::nullopt : endpoint(words.front(), hints_.names, service_.protocol);
    if (!place) {
      return draft_.leave(fallback->line, fallback_key + ": expected an address and a port, not " +
                                              fallback->value);
    }
    if (place->port != 0 && place->port != service_.port && service_.fwmark == 0) {
      draft_.leave(fallback->line, fallback_key + ": it is asked at the service's own port, " +
                                       std::to_string(service_.port));
    }
    service_.sorry_server = place->address;
    draft_.place(service_, "sorry_server", fallback->line);
  }

  // Only masq translates the port: with the other methods a server's port is that of its checks.
  void take_check_port() {
    const Setting* given = settings_.find("checkport");
    if (given == nullptr) {
      return;
    }
    const auto port = port_number(given->value);
    if (!port || *port == 0) {
      return draft_.leave(given->line, "checkport: expected a port, not " + given->value);
    }
    std::optional<uint16_t> other;
    for (RealServer& server : service_.servers) {
      if (server.forward != ipvs::Forward::masq) {
        server.port = *port;
        server.port_given = server.port != service_.port;
      } else if (server.port != *port) {
        other = server.port;
      }
    }
    if (other) {
      draft_.leave(given->line, "checkport = " + given->value +
                                    ": with masq checks go to the server's own port, " +
                                    std::to_string(*other) + ", which clients are sent to");
    }
  }

  // 10.0.0.11[->10.0.0.20][:80] [gate] [1] ["request", "receive"]
  void take_real(const Setting& real) {
    const size_t quote = std::min(real.value.find('"'), real.value.size());
    const auto words = words_of(real.value.substr(0, quote));
    if (quote < real.value.size()) {
      draft_.leave(real.line,
                   "real: the servers of a service share one check: request and "
                   "receive of a server alone are left out");
    }
    if (words.empty()) {
      return draft_.leave(real.line, "real: expected an address and a port");
    }
    const size_t arrow = words.front().find("->");
    const std::string last =
        arrow == std::string::npos ? words.front() : words.front().substr(arrow + 2);
    const auto end = endpoint(last, hints_.names, service_.protocol);
    const auto begin = arrow == std::string::npos ? end
                                                  : endpoint(words.front().substr(0, arrow),
                                                             hints_.names, service_.protocol);
    if (!begin || !end) {
      return draft_.leave(real.line,
                          "real: expected an address and a port; a name must have an "
                          "address now");
    }
    RealServer server;
    server.lines.block = real.line;
    server.port = end->port == 0 ? service_.port : end->port;
    take_words(words, real.line, server);
    for (uint32_t step = 0; step < kRangeMax; ++step) {
      const auto address = address_above(begin->address, step);
      if (!address || *address > end->address) {
        return;
      }
      server.address = *address;
      draft_.add(service_, server);
    }
    draft_.leave(real.line, "real: no more than " + std::to_string(kRangeMax) + " at once");
  }

  void take_words(const std::vector<std::string>& words, int line, RealServer& server) {
    server.forward = ipvs::Forward::direct;
    for (size_t place = 1; place < words.size(); ++place) {
      const auto weight = whole_number(words[place]);
      if (const auto forward = forward_named(words[place])) {
        server.forward = forward;
      } else if (words[place] == "gue" || words[place] == "gre") {
        server.forward = ipvs::Forward::tunnel;
        tell_of_tunnel(draft_, {line, "real: " + words[place]});
      } else if (weight) {
        server.weight =
            static_cast<int>(bounded(draft_, {line, "real: weight"}, *weight, 0, kMostWeight));
      } else {
        draft_.leave(line, "real: expected gate, masq or ipip and a weight, not " + words[place]);
      }
    }
  }

  const Virtual& given_;
  const Settings settings_;
  const Hints& hints_;
  Draft& draft_;
  VirtualService service_;
};

// Nothing asks for it: a request beside checktype = connect, a setting before no virtual.
void tell_of_unused(const LdirectordLines& lines, Draft& draft) {
  const auto tell = [&](const std::map<std::string, Setting>& settings) {
    for (const auto& [key, setting] : settings) {
      if (!setting.is_used) {
        draft.note(setting.line, key + ": left out, it has no effect beside the other settings");
      }
    }
  };
  tell(lines.globals);
  for (const Virtual& each : lines.virtuals) {
    tell(each.settings);
  }
}

}  // namespace

Draft read_ldirectord(const std::string& text, const Hints& hints) {
  Draft draft;
  const LdirectordLines lines = ldirectord_lines(text, draft);
  for (const Virtual& each : lines.virtuals) {
    ServiceReader(each, lines, hints, draft).read();
  }
  tell_of_unused(lines, draft);
  if (!draft.services.empty()) {
    draft.note(0, "address: ldirectord knows no devices: the floating addresses are put on " +
                      hints.device);
  }
  return draft;
}

}  // namespace lvs::lvsctl::foreign
