#include "tools/lvsctl/import/settle.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <set>

#include "common/config/difference.h"
#include "common/config/parse.h"
#include "common/config/unsupported.h"
#include "common/config/write.h"

namespace lvs::lvsctl::foreign {
namespace {

using config::RealServer;
using config::VirtualService;

constexpr int kRoundsMax = 20;
constexpr int kNowhere = -1;
// Addresses of the documentation: nobody owns them.
constexpr std::array<const char*, 3> kPlaceholders = {"192.0.2.1", "198.51.100.1", "203.0.113.1"};

bool is_floating(const Draft& draft, const Address& address) {
  return std::any_of(draft.services.begin(), draft.services.end(), [&](const auto& service) {
    return service.address && service.address->address == address;
  });
}

// What no director can have as its own.
void drop_unusable(Draft& draft, const char* key, std::optional<Address>& address) {
  if (address && (address->is_unspecified() || address->is_link_local())) {
    draft.leave(0, std::string(key) + ": " + to_string(*address) + " is no address to send to");
    address.reset();
  }
}

void name_primary(Draft& draft) {
  config::Globals& globals = draft.globals;
  for (const char* each : kPlaceholders) {
    const Address address = *Address::parse(each);
    const bool is_free = !is_floating(draft, address) && globals.backup != address;
    globals.primary = is_free && !globals.primary ? address : globals.primary;
  }
  globals.primary = globals.primary.value_or(*Address::parse("127.0.0.2"));
  draft.leave(0, "primary: nothing says which address the first director has itself: " +
                     to_string(*globals.primary) +
                     " stands in for it; write its own there, or say --primary");
}

void name_backup(Draft& draft) {
  config::Globals& globals = draft.globals;
  if (globals.backup == globals.primary) {
    draft.leave(0, "backup: both directors have the address " + to_string(*globals.primary));
    globals.backup.reset();
  }
  if (globals.backup && globals.backup->family() != globals.primary->family()) {
    draft.leave(0, "backup: " + to_string(*globals.backup) + " is not of the family of primary");
    globals.backup.reset();
  }
  globals.backup_active = globals.backup.has_value();
  if (!globals.backup_active) {
    draft.note(0,
               "backup: there is no second director in it: add backup and backup_active = 1, or "
               "say --backup");
  }
}

void name_directors(Draft& draft, const Hints& hints) {
  config::Globals& globals = draft.globals;
  globals.primary = hints.primary ? hints.primary : globals.primary;
  globals.backup = hints.backup ? hints.backup : globals.backup;
  drop_unusable(draft, "primary", globals.primary);
  drop_unusable(draft, "backup", globals.backup);
  if (!globals.primary) {
    name_primary(draft);
  }
  name_backup(draft);
  drop_unusable(draft, "primary_private", globals.primary_private);
  drop_unusable(draft, "backup_private", globals.backup_private);
  if (!globals.primary_private || !globals.backup_private ||
      globals.primary_private == globals.backup_private) {
    globals.primary_private.reset();
    globals.backup_private.reset();
  }
  for (const auto& own :
       {globals.primary, globals.backup, globals.primary_private, globals.backup_private}) {
    if (own && globals.nat_router && globals.nat_router->address == *own) {
      draft.leave(0, "nat_router: " + to_string(*own) + " is a director's own");
      globals.nat_router.reset();
    }
  }
}

void tell_of_marks(Draft& draft) {
  for (const auto& service : draft.services) {
    if (service.fwmark != 0 && !service.address) {
      draft.leave(service.lines.block,
                  "fwmark " + std::to_string(service.fwmark) +
                      ": nothing says which address floats with it: write address, and mark_ports "
                      "where lvsd is to write the rules that mark its packets");
    }
  }
}

ipvs::Forward most_common(const std::vector<const RealServer*>& servers, ipvs::Forward fallback) {
  std::map<ipvs::Forward, size_t> counts;
  for (const RealServer* server : servers) {
    ++counts[server->forward.value_or(fallback)];
  }
  const auto most =
      std::max_element(counts.begin(), counts.end(),
                       [](const auto& a, const auto& b) { return a.second < b.second; });
  return most == counts.end() ? fallback : most->first;
}

std::vector<const RealServer*> servers_of(const VirtualService& service) {
  std::vector<const RealServer*> servers;
  for (const auto& server : service.servers) {
    servers.push_back(&server);
  }
  return servers;
}

// Said once for all, then for a service, then for a server that differs.
void factor_forwards(Draft& draft) {
  std::vector<const RealServer*> all;
  for (const auto& service : draft.services) {
    const auto servers = servers_of(service);
    all.insert(all.end(), servers.begin(), servers.end());
  }
  draft.globals.network = most_common(all, draft.globals.network);
  for (auto& service : draft.services) {
    const ipvs::Forward own = most_common(servers_of(service), draft.globals.network);
    service.forward = own == draft.globals.network ? std::nullopt : std::optional(own);
    for (auto& server : service.servers) {
      server.forward = server.forward == own ? std::nullopt : server.forward;
    }
  }
}

config::Config assembled(const Draft& draft) {
  config::Config config;
  static_cast<config::Globals&>(config) = draft.globals;
  for (const auto& service : draft.services) {
    config.virtuals.push_back(service);
  }
  return config;
}

// Which service, and which of its servers, a line of the written text belongs to.
struct Place {
  int service = kNowhere;
  int server = kNowhere;
  auto operator<=>(const Place&) const = default;
};
std::vector<Place> places_of(std::string_view text) {
  std::vector<Place> places(1);  // Lines count from 1.
  Place at;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.starts_with("virtual ")) {
      at = {at.service + 1, kNowhere};
    } else if (line.starts_with("     server ")) {
      ++at.server;
    }
    places.push_back(at);
  }
  return places;
}

// A key that is not allowed as it is, without which the service is one all the same.
struct Optional {
  std::string_view key;
  const char* instead;
  void (*reset)(VirtualService& service);
};
constexpr std::array<Optional, 6> kOptional = {{
    {"check", "check = none is written: the servers are not asked at all",
     [](VirtualService& service) {
       service.check = config::NamedCheck{config::kNoCheck, {}};
     }},
    {"sorry_server", "none is written: give it one of the service's family",
     [](VirtualService& service) { service.sorry_server.reset(); }},
    {"pmask", "none is written: each client's address counts by itself",
     [](VirtualService& service) { service.pmask_prefix = VirtualService{}.pmask_prefix; }},
    {"sched_flags", "none are written: the scheduler does without",
     [](VirtualService& service) { service.sched_flags.clear(); }},
    {"ops", "it is not written: a client stays with its server as long as its port is the same",
     [](VirtualService& service) { service.ops = false; }},
    {"persistence_engine", "none is written: persistence goes by the client's address",
     [](VirtualService& service) { service.persistence_engine.clear(); }},
}};

class Settling {
 public:
  explicit Settling(Draft& draft) : draft_(draft) {}

  Result<std::string> run() {
    for (int round = 0; round < kRoundsMax; ++round) {
      const bool any_active =
          std::any_of(draft_.services.begin(), draft_.services.end(),
                      [](const VirtualService& service) { return service.active; });
      if (!any_active) {
        return Error{ENOMSG, "there is no service in it that an lvs.cf could serve"};
      }
      const config::Config config = assembled(draft_);
      const std::string text = config::write(config);
      config::Parsed parsed = config::parse(text, "lvs.cf", {}, config::Severity::cut_short);
      if (parsed.config && take_the_core_that_can(*parsed.config)) {
        continue;
      }
      const auto wrong = parsed.config ? differing(*parsed.config, config)
                                       : at_their_places(parsed.diagnostics, places_of(text));
      if (wrong.empty()) {
        return text;
      }
      if (wrong.contains(Place{})) {
        return Error{EINVAL, "what would be written does not load: " + wrong.at(Place{}).text};
      }
      take_out(wrong);
    }
    return Error{ELOOP, "what would be written does not load"};
  }

 private:
  struct Reason {
    std::string key;
    std::string text;
  };
  using Reasons = std::map<Place, Reason>;

  bool take_the_core_that_can(const config::Config& config) {
    const auto lacking = config::unsupported(config);
    if (lacking.empty()) {
      return false;
    }
    draft_.globals.core = config::CoreKind::kernel;
    draft_.note(0, "core = kernel is written: " + lacking.front().text);
    return true;
  }

  static Reasons at_their_places(const config::Diagnostics& diagnostics,
                                 const std::vector<Place>& places) {
    Reasons reasons;
    for (const auto& each : diagnostics) {
      if (each.severity == config::Severity::error) {
        const bool is_in = each.line >= 0 && static_cast<size_t>(each.line) < places.size();
        reasons.try_emplace(is_in ? places[each.line] : Place{},
                            Reason{each.key, each.key + ": " + each.text});
      }
    }
    return reasons;
  }

  // What reads back as something else than was meant.
  static Reasons differing(const config::Config& read, const config::Config& meant) {
    Reasons reasons;
    const auto all = config::differences(meant, read);
    const std::string first = all.empty() ? "" : ": " + all.front();
    for (size_t i = 0; i < meant.virtuals.size(); ++i) {
      if (i >= read.virtuals.size() || read.virtuals[i] != meant.virtuals[i]) {
        reasons.try_emplace(Place{static_cast<int>(i), kNowhere},
                            Reason{"", "what is written reads back otherwise" + first});
      }
    }
    const config::Globals& globals = meant;
    if (reasons.empty() && static_cast<const config::Globals&>(read) != globals) {
      reasons.try_emplace(Place{}, Reason{"", "the globals read back otherwise" + first});
    }
    return reasons;
  }

  void take_out(const Reasons& reasons) {
    for (auto each = reasons.rbegin(); each != reasons.rend(); ++each) {
      const auto& [place, why] = *each;
      VirtualService& service = draft_.services[place.service];
      if (place.server == kNowhere) {
        take_out_of_service(place.service, why);
        continue;
      }
      const auto server = service.servers.begin() + place.server;
      draft_.leave(server->lines.block, "the server " + server->name + ": " + why.text);
      service.servers.erase(server);
    }
  }

  void take_out_of_service(int place, const Reason& why) {
    VirtualService& service = draft_.services[place];
    const int line = draft_.line_of(service, why.key);
    for (const auto& [key, instead, reset] : kOptional) {
      if (key == why.key) {
        draft_.leave(line, service.name + ": " + why.text + ": " + instead);
        return reset(service);
      }
    }
    draft_.leave(line, "the service " + service.name + ": " + why.text);
    draft_.services.erase(draft_.services.begin() + place);
  }

  Draft& draft_;
};

}  // namespace

Result<std::string> settle(Draft& draft, const Hints& hints) {
  name_directors(draft, hints);
  tell_of_marks(draft);
  factor_forwards(draft);
  auto text = Settling(draft).run();
  std::stable_sort(draft.remarks.begin(), draft.remarks.end(),
                   [](const Remark& a, const Remark& b) { return a.line < b.line; });
  return text;
}

}  // namespace lvs::lvsctl::foreign
