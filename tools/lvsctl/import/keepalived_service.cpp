#include "tools/lvsctl/import/keepalived_service.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "common/ipvs/capabilities.h"
#include "tools/lvsctl/import/keepalived_check.h"
#include "tools/lvsctl/import/keepalived_words.h"
#include "tools/lvsctl/import/values.h"

namespace lvs::lvsctl::foreign {
namespace {

using config::RealServer;
using config::VirtualService;

constexpr Duration kDelayLoop = std::chrono::seconds{60};
constexpr long long kPersistence = 360;
constexpr uint32_t kRangeMax = 256;
constexpr long long kMostConnections = 0xffffffff;

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) {
    return static_cast<char>(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
  });
  return text;
}

std::optional<ipvs::Forward> forward_named(const std::string& word) {
  const std::string name = lower(word);
  return name == "nat"   ? std::optional(ipvs::Forward::masq)
         : name == "dr"  ? std::optional(ipvs::Forward::direct)
         : name == "tun" ? std::optional(ipvs::Forward::tunnel)
                         : std::nullopt;
}

// An address and port, or a mark.
struct Face {
  std::optional<Endpoint> place;
  uint32_t mark = 0;
};

class ServiceReader {
 public:
  ServiceReader(const Statement& statement, const Hints& hints, Draft& draft)
      : statement_(statement), hints_(hints), draft_(draft) {
    service_.lines.block = statement.line;
    service_.active = true;
    service_.rise = 1;
    service_.interval = kDelayLoop;
  }

  void read(const Groups& groups) {
    const std::vector<Face> faces = faces_of(groups);
    for (const auto& each : statement_.block) {
      if (each.word() != "real_server") {
        take(each);
      }
    }
    if (faces.empty()) {
      return;
    }
    service_.port = faces.front().place.value_or(Endpoint{{}, 80}).port;
    for (const auto& each : statement_.block) {
      if (each.word() == "real_server") {
        take_server(each);
      }
    }
    settle_check();
    settle_quiescing();
    for (const Face& face : faces) {
      add(face);
    }
  }

 private:
  std::vector<Face> faces_of(const Groups& groups) {
    const std::string& kind = statement_.value();
    std::vector<Face> faces;
    if (kind != "group") {
      take_face(statement_, 1, faces);
      return faces;
    }
    const auto group = groups.find(statement_.value(2));
    if (group == groups.end()) {
      draft_.leave(statement_.line,
                   "virtual_server: there is no virtual_server_group " + statement_.value(2));
      return faces;
    }
    for (const auto& each : group->second->block) {
      take_face(each, 0, faces);
    }
    return faces;
  }

  // "192.0.2.10 80", "192.0.2.10-15 80", "fwmark 80": the words from this one.
  void take_face(const Statement& given, size_t at, std::vector<Face>& faces) {
    if (given.value(at) == "fwmark") {
      const auto mark = whole_number(given.value(at + 1));
      if (mark && *mark > 0 && *mark <= kMostConnections) {
        return faces.push_back({std::nullopt, static_cast<uint32_t>(*mark)});
      }
    }
    const std::string range = given.value(at);
    const size_t dash = std::min(range.find('-'), range.size());
    const auto first = prefixed(range.substr(0, dash));
    const auto port = given.value(at + 1).empty() ? 0 : port_number(given.value(at + 1));
    const auto more = dash == range.size() ? 0 : steps_of(first, range.substr(dash + 1));
    if (!first || !port || !more) {
      return draft_.leave(given.line,
                          statement_.word() +
                              ": expected an address and a port, or fwmark and a number, not " +
                              given.value(at) + " " + given.value(at + 1));
    }
    for (uint32_t step = 0; step <= *more; ++step) {
      if (const auto address = address_above(first->address, step)) {
        faces.push_back({Endpoint{*address, *port}, 0});
      }
    }
  }

  // The end of a range: the last number of an address, hexadecimal in IPv6.
  static std::optional<uint32_t> steps_of(const std::optional<Prefixed>& first,
                                          const std::string& end) {
    if (!first) {
      return std::nullopt;
    }
    const uint8_t* bytes = first->address.bytes() + first->address.size();
    const bool is_v4 = first->address.is_v4();
    const uint32_t from = is_v4 ? bytes[-1] : bytes[-2] * 256U + bytes[-1];
    uint32_t to = 0;
    const bool is_number =
        !end.empty() && end.size() <= 4 &&
        end.find_first_not_of(is_v4 ? "0123456789" : "0123456789abcdefABCDEF") == std::string::npos;
    if (!is_number) {
      return std::nullopt;
    }
    to = static_cast<uint32_t>(std::stoul(end, nullptr, is_v4 ? 10 : 16));
    return to >= from && to - from < kRangeMax ? std::optional(to - from) : std::nullopt;
  }

  void take(const Statement& each) {
    const std::string& word = each.word();
    const std::string value = each.value();
    if (take_choice(each) || defaults_.take(each, draft_)) {
      return;
    }
    if (word == "delay_loop") {
      take_delay(each);
    } else if (word == "persistence_timeout") {
      const auto time = value.empty() ? kPersistence : whole_number(value).value_or(kPersistence);
      service_.persistent = bounded(draft_, {each.line, each.word()}, std::chrono::seconds{time},
                                    Duration{0}, kLongestPersistence);
    } else if (word == "persistence_granularity") {
      take_granularity(each);
    } else if (word == "persistence_engine") {
      service_.persistence_engine = value;
      draft_.place(service_, word, each.line);
    } else if (word == "quorum" && whole_number(value)) {
      service_.quorum = static_cast<int>(
          bounded(draft_, {each.line, each.word()}, *whole_number(value), 1, 1000));
    } else if (word == "sorry_server") {
      take_sorry_server(each);
    } else if (word == "inhibit_on_failure") {
      service_.quiesce_server = true;
    } else if (word == "ops") {
      service_.ops = true;
      draft_.place(service_, "ops", each.line);
    } else if (word == "weight" && whole_number(value)) {
      weight_ = static_cast<int>(
          bounded(draft_, {each.line, each.word()}, *whole_number(value), 0, kMostWeight));
    } else if (word == "ip_family" && (value == "inet" || value == "inet6")) {
      family_ = value == "inet" ? Family::v4 : Family::v6;
      draft_.note(each.line, "ip_family: an address says it itself, and servers those of a mark");
    } else {
      tell_of(each, draft_);
    }
  }

  // Words whose values are words.
  bool take_choice(const Statement& each) {
    const std::string& word = each.word();
    const std::string value = lower(each.value());
    if (word == "lb_algo" || word == "lvs_sched") {
      is_scheduler(value)
          ? void(service_.scheduler = value)
          : draft_.leave(each.line, each.word() + ": there is no scheduler " + value + ": " +
                                        service_.scheduler + " is written");
    } else if (word == "lb_kind" || word == "lvs_method") {
      take_forward(each, forward_);
    } else if (word == "protocol") {
      const auto* known = ipvs::find_named(ipvs::kProtocols, value);
      known != nullptr
          ? void(service_.protocol = known->protocol)
          : draft_.leave(each.line, "protocol: there is no " + value + ": tcp is written");
    } else if (ipvs::find_named(ipvs::kSchedulerFlags, word) != nullptr) {
      service_.sched_flags.push_back(word);
      draft_.place(service_, "sched_flags", each.line);
    } else {
      return false;
    }
    return true;
  }

  void take_forward(const Statement& each, ipvs::Forward& forward) {
    const auto named = forward_named(each.value());
    if (!named) {
      return draft_.leave(each.line, each.word() + ": expected NAT, DR or TUN");
    }
    forward = *named;
    if (each.words.size() > 2 && lower(each.value(3)) != "ipip") {
      tell_of_tunnel(draft_, {each.line, each.word() + " TUN type " + each.value(3)});
    }
  }

  void take_delay(const Statement& each) {
    const auto pause = seconds(each.value());
    if (!pause) {
      return draft_.leave(each.line, "delay_loop: expected seconds, not " + each.value());
    }
    service_.interval =
        bounded(draft_, {each.line, each.word()}, *pause, kShortestPause, kLongestPause);
  }

  void take_granularity(const Statement& each) {
    const auto mask = Address::parse(each.value());
    const auto length = whole_number(each.value());
    const auto prefix = mask && mask->is_v4()      ? prefix_of_netmask(*mask)
                        : length && *length <= 128 ? std::optional(static_cast<unsigned>(*length))
                                                   : std::nullopt;
    if (!prefix || *prefix == 0) {
      return draft_.leave(each.line,
                          "persistence_granularity: expected a netmask, not " + each.value());
    }
    service_.pmask_prefix = *prefix;
    draft_.place(service_, "pmask", each.line);
  }

  void take_sorry_server(const Statement& each) {
    service_.sorry_server = Address::parse(each.value());
    if (!service_.sorry_server) {
      return draft_.leave(each.line, "sorry_server: expected an address, not " + each.value());
    }
    draft_.place(service_, "sorry_server", each.line);
    sorry_ = {&each, port_number(each.value(2))};
  }

  void take_server(const Statement& given) {
    const auto address = Address::parse(given.value());
    const auto port = given.value(2).empty() ? service_.port : port_number(given.value(2));
    if (!address || !port) {
      return draft_.leave(given.line, "real_server: expected an address and a port, not " +
                                          given.value() + " " + given.value(2));
    }
    RealServer server;
    server.lines.block = given.line;
    server.address = *address;
    server.port = *port;
    server.weight = weight_;
    ipvs::Forward forward = forward_;
    CheckDefaults defaults = defaults_;
    defaults.server = {*address, *port};
    std::vector<const Statement*> checks;
    for (const auto& each : given.block) {
      if (is_check(each.word())) {
        checks.push_back(&each);
      } else if (each.word() == "lvs_method") {
        take_forward(each, forward);
      } else if (!take_limit(each, server) && !defaults.take(each, draft_)) {
        tell_of(each, draft_);
      }
    }
    server.forward = forward;
    defaults.is_port_served = forward == ipvs::Forward::masq;
    server.port = take_checks(checks, given, defaults).value_or(server.port);
    draft_.add(service_, std::move(server));
  }

  bool take_limit(const Statement& each, RealServer& server) {
    const std::string& word = each.word();
    const auto number = whole_number(each.value());
    if (word == "inhibit_on_failure") {
      inhibited_.push_back(each.line);
    } else if (word == "weight" && number) {
      server.weight =
          static_cast<int>(bounded(draft_, {each.line, each.word()}, *number, 0, kMostWeight));
    } else if (word == "uthreshold" && number) {
      server.u_threshold = static_cast<uint32_t>(
          bounded(draft_, {each.line, each.word()}, *number, 0, kMostConnections));
    } else if (word == "lthreshold" && number) {
      server.l_threshold = static_cast<uint32_t>(
          bounded(draft_, {each.line, each.word()}, *number, 0, kMostConnections));
    } else if (word == "delay_loop") {
      draft_.leave(each.line, "delay_loop: the servers of a service are checked alike");
    } else {
      return false;
    }
    return true;
  }

  // The port of its check, where that is not the server's own.
  std::optional<uint16_t> take_checks(const std::vector<const Statement*>& checks,
                                      const Statement& server, const CheckDefaults& defaults) {
    for (size_t i = 1; i < checks.size(); ++i) {
      draft_.leave(checks[i]->line, named(*checks[i]) + ": a server has one check: its first");
    }
    const auto setup =
        checks.empty() ? std::nullopt : read_check(*checks.front(), defaults, draft_);
    if (checks.empty()) {
      unchecked_.push_back(server.line);
    } else if (!setup) {
      unreadable_.push_back(checks.front());
    } else if (setup && !setup_) {
      setup_ = setup;
    } else if (setup && !setup->is_like(*setup_)) {
      draft_.leave(setup->line, "the servers of a service share one check: that of line " +
                                    std::to_string(setup_->line) + " is written");
    }
    return setup ? setup->port : std::nullopt;
  }

  void settle_check() {
    if (!setup_) {
      service_.check = config::NamedCheck{config::kNoCheck, {}};
      for (const Statement* check : unreadable_) {
        draft_.leave(check->line, named(*check) +
                                      ": check = none is written: the servers are not asked at "
                                      "all until you write a check");
      }
      return;
    }
    service_.check = setup_->check;
    if (service_.protocol == ipvs::Protocol::sctp &&
        setup_->check == config::Check(config::TcpConnect{})) {
      service_.check = config::NamedCheck{"sctp", {}};
      draft_.note(setup_->line, "TCP_CHECK: check = sctp is written, which tries an association");
    }
    service_.timeout = setup_->timeout;
    service_.fall = setup_->fall;
    service_.script_user = setup_->user.empty() ? service_.script_user : setup_->user;
    for (const int line : unchecked_) {
      draft_.leave(line, "it has no check: here it is checked like the service's other servers");
    }
    const Duration pause = *service_.interval;
    if (setup_->fall > 1 && setup_->retry_pause < pause) {
      draft_.leave(setup_->line,
                   "a check that failed is repeated after interval, not sooner: a server counts "
                   "as down after " +
                       std::to_string(setup_->fall) +
                       " of them; make fall or interval smaller where that is too late");
    }
  }

  void settle_quiescing() {
    const bool is_all = inhibited_.size() >= service_.servers.size();
    for (const int line : inhibited_) {
      is_all ? void()
             : draft_.leave(line,
                            "inhibit_on_failure: of all servers of a service or of none: "
                            "quiesce_server = 1 is written");
    }
    service_.quiesce_server = service_.quiesce_server || !inhibited_.empty();
  }

  void add(const Face& face) {
    VirtualService service = service_;
    service.fwmark = face.mark;
    if (face.place) {
      service.address = {face.place->address, hints_.device, hints_.device, std::nullopt};
      service.port = face.place->port;
    }
    for (auto& server : service.servers) {
      server.port_given = server.port != service.port;
    }
    if (sorry_.first != nullptr && sorry_.second && sorry_.second != service.port &&
        service.fwmark == 0) {
      draft_.leave(sorry_.first->line, "sorry_server: it is asked at the service's own port, " +
                                           std::to_string(service.port));
    }
    if (face.mark != 0 && family_ && family_of(service) != *family_) {
      draft_.leave(service.lines.block, name_of(service) +
                                            ": ip_family: a mark's service is of the family of its "
                                            "servers: write an address of the other one into it");
    }
    draft_.add(std::move(service));
  }

  const Statement& statement_;
  const Hints& hints_;
  Draft& draft_;
  VirtualService service_;
  ipvs::Forward forward_ = ipvs::Forward::masq;
  int weight_ = 1;
  CheckDefaults defaults_;
  std::optional<CheckSetup> setup_;
  std::optional<Family> family_;
  std::vector<int> unchecked_;
  std::vector<const Statement*> unreadable_;
  std::vector<int> inhibited_;
  std::pair<const Statement*, std::optional<uint16_t>> sorry_{nullptr, std::nullopt};
};

}  // namespace

void read_virtual_server(const Statement& statement, const Groups& groups, const Hints& hints,
                         Draft& draft) {
  ServiceReader(statement, hints, draft).read(groups);
}

}  // namespace lvs::lvsctl::foreign
