#include "tools/lvsctl/import/ldirectord_check.h"

#include <array>
#include <optional>
#include <string_view>

#include "common/config/check_syntax.h"
#include "tools/lvsctl/import/values.h"

namespace lvs::lvsctl::foreign {
namespace {

using config::Check;
using config::HttpCheck;
using config::NamedCheck;
using config::VirtualService;

constexpr long long kFallMax = 1000;
constexpr Duration kCheckTimeout = std::chrono::seconds{5};
constexpr Duration kNegotiateTimeout = std::chrono::seconds{30};
constexpr Duration kCheckInterval = std::chrono::seconds{10};

struct WellKnown {
  uint16_t port;
  std::string_view service;
};
constexpr std::array<WellKnown, 9> kWellKnown = {{{21, "ftp"},
                                                  {25, "smtp"},
                                                  {53, "dns"},
                                                  {80, "http"},
                                                  {110, "pop"},
                                                  {119, "nntp"},
                                                  {143, "imap"},
                                                  {443, "https"},
                                                  {587, "submission"}}};

Check no_check() {
  return NamedCheck{config::kNoCheck, {}};
}

class CheckChoice {
 public:
  CheckChoice(const VirtualService& service, const Settings& settings, Draft& draft)
      : service_(service), settings_(settings), draft_(draft) {}

  Check choose() {
    const std::string type = settings_.text("checktype", "negotiate");
    if (type == "connect") {
      return connect();
    }
    if (type == "ping") {
      return NamedCheck{"ping", {}};
    }
    if (type == "on" || type == "off") {
      return no_check();
    }
    if (whole_number(type)) {
      leave("checktype", type + ": every check negotiates here, none is a mere connection");
    } else if (type != "negotiate" && !type.starts_with("external")) {
      leave("checktype", type + ": there is no such type: negotiate is taken");
    }
    if (type == "external") {
      return script();
    }
    if (type == "external-perl") {
      leave(
          "checktype",
          "external-perl: make a script of its own and name it with check = script: " + instead());
      return connect();
    }
    const Check check = negotiate();
    const bool is_dumb = service_.protocol == ipvs::Protocol::sctp &&
                         std::holds_alternative<config::SendExpect>(check);
    const std::string trouble =
        is_dumb ? "nothing is sent or expected over sctp" : trouble_of(check);
    if (trouble.empty()) {
      return check;
    }
    leave("request",
          "what is asked, or expected, has no place in an lvs.cf: " + trouble + ": " + instead());
    return connect();
  }

 private:
  Check connect() const {
    const bool has_port = service_.port != 0;
    if (service_.protocol == ipvs::Protocol::sctp && has_port) {
      return NamedCheck{"sctp", {}};
    }
    return service_.protocol == ipvs::Protocol::tcp && has_port ? Check(config::TcpConnect{})
                                                                : no_check();
  }

  // What stands in for a check that cannot be written.
  std::string instead() const {
    const Check check = connect();
    return check == no_check() ? "check = none is written: the servers are not asked at all"
           : check == Check(config::TcpConnect{})
               ? "check = tcp is written: a connection is tried"
               : "check = sctp is written: an association is tried";
  }

  Check script() {
    const std::string command = settings_.text("checkcommand");
    const auto plain =
        plain_command(draft_, {settings_.line("checkcommand"), "checkcommand"}, command);
    if (!plain) {
      leave("checktype", "external: " + instead());
      return connect();
    }
    const std::string address =
        service_.address ? to_string(service_.address->address) : std::to_string(service_.fwmark);
    return config::ScriptCheck{
        *plain + " " + address + " " + std::to_string(service_.port) + " %h %p", "", false, ""};
  }

  Check negotiate() {
    const std::string name = settings_.text("service", std::string(service_of_port()));
    if (name == "http" || name == "https") {
      return http(name == "https");
    }
    if (name == "simpletcp") {
      return config::SendExpect{settings_.text("request"), expected(), true};
    }
    if (name == "smtp" || name == "submission") {
      leave_what_is_asked(name);
      return NamedCheck{"smtp", {}};
    }
    if (name == "ftp") {
      leave_what_is_asked(name);
      const std::string login = settings_.text("login", "anonymous");
      return NamedCheck{"ftp", {{"user", login}}};
    }
    if (name == "dns") {
      return dns();
    }
    if (name == "pop" || name == "nntp" || name == "imap") {
      leave("service", name + ": its greeting is looked at, nobody logs in");
      leave_what_is_asked(name);
      const std::string greeting = name == "pop" ? "^\\+OK" : name == "nntp" ? "^20" : "^\\* OK";
      return config::SendExpect{"", greeting, true};
    }
    if (name != "none") {
      leave("service", name + ": there is no such check: " + instead());
    }
    return connect();
  }

  void leave_what_is_asked(const std::string& name) {
    for (const char* key : {"request", "receive"}) {
      if (settings_.find(key) != nullptr) {
        leave(key, "of " + name + " the greeting is looked at, and no more: check = script asks " +
                       "for anything else");
      }
    }
  }

  std::string_view service_of_port() const {
    for (const auto& [port, service] : kWellKnown) {
      if (port == service_.port) {
        return service;
      }
    }
    return "none";
  }

  // A regular expression of Perl's that is one of POSIX as well.
  std::string expected() {
    const std::string pattern = settings_.text("receive");
    if (config::regex_error(pattern).empty()) {
      return pattern;
    }
    leave("receive", pattern +
                         ": write it as a POSIX extended regular expression: nothing is "
                         "expected of the answer until then");
    return "";
  }

  Check http(bool tls) {
    HttpCheck check;
    check.tls = tls;
    check.verify = !tls;
    check.host = settings_.text("virtualhost");
    check.method = settings_.text("httpmethod", "GET");
    std::string path = settings_.text("request", "/");
    if (const size_t scheme = path.find("://"); scheme != std::string::npos) {
      const size_t slash = std::min(path.find('/', scheme + 3), path.size());
      check.host = path.substr(scheme + 3, slash - scheme - 3);
      path.erase(0, slash);
    }
    check.path = path.starts_with('/') ? path : "/" + path;
    check.body_regex = expected();
    return check;
  }

  Check dns() {
    const std::string name = settings_.text("request");
    if (settings_.find("receive") != nullptr) {
      leave("receive", "any record of the name counts as an answer");
    }
    if (name.empty()) {
      leave("request", "dns: no name to ask for is given: " + instead());
      return connect();
    }
    return NamedCheck{"dns", {{"name", name}}};
  }

  void leave(const std::string& key, std::string text) {
    draft_.leave(settings_.line(key), key + ": " + std::move(text));
  }

  const VirtualService& service_;
  const Settings& settings_;
  Draft& draft_;
};

Duration time_of(const Settings& settings, const std::string& key, Duration fallback,
                 Draft& draft) {
  const Setting* given = settings.find(key);
  const auto time = given == nullptr ? fallback : seconds(given->value);
  if (!time) {
    draft.leave(given->line, key + ": expected seconds, not " + given->value);
  }
  return bounded(draft, {settings.line(key), key}, time.value_or(fallback), kShortestPause,
                 kLongestPause);
}

}  // namespace

const Setting* Settings::find(const std::string& key) const {
  const Setting* setting = peek(key);
  if (setting != nullptr) {
    setting->is_used = true;
  }
  return setting;
}

const Setting* Settings::peek(const std::string& key) const {
  const auto own = own_.settings.find(key);
  if (own != own_.settings.end()) {
    return &own->second;
  }
  const auto global = all_.globals.find(key);
  return global == all_.globals.end() ? nullptr : &global->second;
}

std::string Settings::text(const std::string& key, const std::string& fallback) const {
  const Setting* setting = find(key);
  return setting == nullptr ? fallback : setting->value;
}

int Settings::line(const std::string& key) const {
  const Setting* setting = peek(key);
  return setting == nullptr ? own_.line : setting->line;
}

void add_check(VirtualService& service, const Settings& settings, Draft& draft) {
  service.check = CheckChoice(service, settings, draft).choose();
  const std::string type = settings.text("checktype", "negotiate");
  const bool negotiates = type != "connect" && type != "ping" && type != "external";
  service.timeout = negotiates ? time_of(settings, "negotiatetimeout", kNegotiateTimeout, draft)
                               : time_of(settings, "checktimeout", kCheckTimeout, draft);
  service.interval = time_of(settings, "checkinterval", kCheckInterval, draft);
  service.rise = 1;
  const auto failures = whole_number(settings.text("failurecount", "1"));
  service.fall = static_cast<int>(bounded(draft, {settings.line("failurecount"), "failurecount"},
                                          failures.value_or(1), 1, kFallMax));
}

}  // namespace lvs::lvsctl::foreign
