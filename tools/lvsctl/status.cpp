#include "tools/lvsctl/status.h"

#include <algorithm>
#include <boost/json.hpp>
#include <ctime>
#include <vector>

#include "tools/lvsctl/few_lines.h"
#include "tools/lvsctl/kept.h"

namespace lvs::lvsctl {

namespace {

namespace json = boost::json;

constexpr const char* kCheckHasAll = "lvsctl check has them all";

std::string text_of(const json::value& value) {
  return value.is_string() ? std::string(value.get_string()) : json::serialize(value);
}

std::string text_at(const json::object& object, const char* field) {
  const json::value* value = object.if_contains(field);
  return value == nullptr || value->is_null() ? "" : text_of(*value);
}

bool flag_at(const json::object& object, const char* field, bool fallback) {
  const json::value* value = object.if_contains(field);
  return value != nullptr && value->is_bool() ? value->get_bool() : fallback;
}

std::optional<int64_t> number_at(const json::object& object, const char* field) {
  const json::value* value = object.if_contains(field);
  return value != nullptr && value->is_int64() ? std::optional(value->get_int64()) : std::nullopt;
}

const json::object& object_at(const json::object& object, const char* field) {
  static const json::object kNone;
  const json::value* value = object.if_contains(field);
  return value != nullptr && value->is_object() ? value->get_object() : kNone;
}

const json::array& array_at(const json::object& object, const char* field) {
  static const json::array kNone;
  const json::value* value = object.if_contains(field);
  return value != nullptr && value->is_array() ? value->get_array() : kNone;
}

std::string joined(const json::array& list, const std::string& separator) {
  std::string text;
  for (const auto& item : list) {
    text += (text.empty() ? "" : separator) + text_of(item);
  }
  return text;
}

// "1.5 s" of a field in milliseconds; empty when it is not there.
std::string span_at(const json::object& object, const char* field) {
  const json::value* value = object.if_contains(field);
  if (value == nullptr || !value->is_number()) {
    return "";
  }
  const auto ms = value->to_number<int64_t>();
  if (ms < 1000) {
    return std::to_string(ms) + " ms";
  }
  const int64_t seconds = ms / 1000;
  if (seconds < 120) {
    return std::to_string(seconds) + " s";
  }
  return seconds < 7200 ? std::to_string(seconds / 60) + " min"
                        : std::to_string(seconds / 3600) + " h";
}

std::string when(bool condition, const std::string& text) {
  return condition ? text : "";
}
std::string behind(const std::string& lead, const std::string& text) {
  return text.empty() ? "" : lead + text;
}

using Row = std::vector<std::string>;

std::string table_text(const std::vector<Row>& rows) {
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], row[i].size());
    }
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      line += row[i] + std::string(widths[i] - row[i].size() + 2, ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

class Page {
 public:
  StatusPage make(const Answer& pulse, const Answer& lvsd, CoreHere core) {
    if (pulse.is_refused || lvsd.is_refused) {
      return {Condition::unknown, "nothing is known: " + pulse.error + "\n"};
    }
    if (lvsd.status) {
      serial_ = text_at(*lvsd.status, "serial");
    }
    if (pulse.status) {
      show_pulse(*pulse.status);
    } else {
      fact("pulse", lvs::to_string(pulse.silent));
      worry("pulse " + is_silent(pulse.silent) + ": this director takes no part in failover; " +
            advice_for(pulse.silent));
    }
    if (lvsd.status) {
      show_lvsd(*lvsd.status);
    } else {
      fact("lvsd", lvs::to_string(lvsd.silent));
      worry("lvsd " + is_silent(lvsd.silent) + ": " + without_lvsd(pulse, core) + "; " +
            advice_for(lvsd.silent));
    }
    std::string text = table_text(facts_);
    text += services_.size() > 1 ? "\n" + table_text(services_) : "";
    for (const auto& line : remarks_) {
      text += "\n" + line;
    }
    text += when(!remarks_.empty(), "\n");
    const bool none = !pulse.status && !lvsd.status && is_away(pulse) && is_away(lvsd);
    return {none ? Condition::not_running : (degraded_ ? Condition::degraded : Condition::healthy),
            text};
  }

 private:
  static bool is_away(const Answer& daemon) { return daemon.silent.why == Silence::not_running; }
  static std::string is_silent(const SilentDaemon& daemon) {
    return (daemon.why == Silence::silent ? "" : "is ") + lvs::to_string(daemon);
  }

  // What becomes of clients meanwhile: where the addresses are, and whether the core takes what
  // comes to them.
  static std::string without_lvsd(const Answer& pulse, CoreHere core) {
    if (core == CoreHere::no) {
      return "there is no core here, and nothing is served";
    }
    if (pulse.status && !flag_at(*pulse.status, "holding", true)) {
      return "this director holds no address of a service: it serves nobody, and could not take "
             "over";
    }
    if (core == CoreHere::idle) {
      return "the core here has let go: it begins no new connection";
    }
    if (!pulse.status && is_away(pulse)) {
      return "the table is not kept, and without pulse the addresses of the services leave this "
             "director: connections end with them";
    }
    return "the table is not kept; connections are forwarded as before";
  }

  void show_pulse(const json::object& pulse) {
    fact("pulse", text_at(pulse, "state") + behind(" for ", span_at(pulse, "in_state_ms")) +
                      behind(", ", text_at(pulse, "node")) +
                      behind(", term ", text_at(pulse, "term")) +
                      behind(", because ", text_at(pulse, "reason")));
    if (!flag_at(pulse, "able", true)) {
      worry("this director is not able to serve" + behind(": ", text_at(pulse, "reasons")) +
            links_text(pulse));
    }
    const json::object& keeper = object_at(pulse, "keeper");
    if (flag_at(keeper, "stopped", false)) {
      worry("pulse's keeper (pid " + text_at(keeper, "pid") +
            ") is stopped by a signal: what ends here is not started again; kill -CONT " +
            text_at(keeper, "pid") + ", or service pulse restart");
    }
    show_hold(object_at(pulse, "held"));
    if (const std::string trouble = not_kept(pulse); !trouble.empty()) {
      worry(trouble);
    }
    show_peer(pulse);
    show_unserved(pulse);
    const std::string addresses = joined(array_at(pulse, "addresses"), " ");
    fact("addresses", addresses.empty() ? "none"
                                        : addresses + behind(", lease ends in ",
                                                             span_at(pulse, "lease_left_ms")));
    for (const auto& each : array_at(pulse, "each_address")) {
      if (each.is_object()) {
        show_trouble(each.get_object());
      }
    }
    for (const auto& error : array_at(pulse, "reload_errors")) {
      add_lines(text_of(error), refusals_);
    }
    std::vector<std::string> said;
    for (const auto& error : refusals_) {
      said.push_back("pulse runs with an older configuration: " + error);
    }
    for (const auto& line : few_lines(std::move(said), kCheckHasAll)) {
      worry(line);
    }
    show_names(pulse);
    show_remarks(pulse);
  }

  // A device that is gone wants another remedy than one without carrier.
  static std::string links_text(const json::object& pulse) {
    const json::array& missing = array_at(pulse, "links_missing");
    json::array down = array_at(pulse, "links_down");
    down.erase(std::remove_if(down.begin(), down.end(),
                              [&](const json::value& device) {
                                return std::find(missing.begin(), missing.end(), device) !=
                                       missing.end();
                              }),
               down.end());
    return behind(", down: ", joined(down, " ")) +
           behind(", no such device here: ", joined(missing, " "));
  }

  // What both directors lack is said with the services.
  void show_unserved(const json::object& pulse) {
    const auto here = number_at(pulse, "unserved");
    const auto there = number_at(object_at(pulse, "peer"), "unserved");
    if (!here || !there || *here == *there || !flag_at(object_at(pulse, "peer"), "alive", false)) {
      return;
    }
    const bool is_here = *here > *there;
    worry(
        (is_here ? "this director" : "the peer") + std::string(" cannot serve ") +
        std::to_string(is_here ? *here : *there) + " of its services, " +
        (is_here ? "the peer " : "this director ") + std::to_string(is_here ? *there : *here) +
        ": what fails " + (is_here ? "here" : "there") +
        " alone cannot be reached or checked, or failed a check lately; look there at REASON, and "
        "at routes, cables and switches to the servers");
  }

  static std::string what_its_silence_means(const json::object& pulse) {
    const std::string doubt = text_at(pulse, "doubt");
    if (flag_at(pulse, "holding", false)) {
      return "nobody would take over";
    }
    return doubt == "peer-holds-address"
               ? "this director leaves the service to it, since it answers for a floating address"
               : "nobody serves, as far as this director knows" + behind(": ", doubt);
  }

  // Both daemons look names up, and mostly the same ones.
  void show_names(const json::object& daemon) {
    for (const auto& each : array_at(daemon, "names_unresolved")) {
      const std::string trouble = text_of(each);
      if (std::find(remarks_.begin(), remarks_.end(), "! " + trouble) == remarks_.end()) {
        worry(trouble);
      }
    }
  }

  void show_hold(const json::object& hold) {
    const json::value* since = hold.if_contains("since");
    if (since == nullptr || !since->is_int64()) {
      return;
    }
    const std::time_t time = since->get_int64();
    std::tm local{};
    char text[32];
    std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", ::localtime_r(&time, &local));
    worry("held by " + text_at(hold, "by") + " since " + text +
          ": it takes over and hands over nothing until lvsctl release");
  }

  void show_trouble(const json::object& address) {
    const std::string state = text_at(address, "state");
    if (state == "foreign" || state == "failed" || state == "missing") {
      worry("the address " + text_at(address, "address") + " is not held (" + state + ")" +
            behind(": ", text_at(address, "error")));
    }
  }

  void show_peer(const json::object& pulse) {
    if (flag_at(pulse, "alone", false)) {
      return fact("peer", "none configured");
    }
    const json::object& peer = object_at(pulse, "peer");
    const bool alive = flag_at(peer, "alive", true);
    const std::string silent = span_at(peer, "silent_ms");
    const bool has_stopped = !alive && flag_at(peer, "stopped", false);
    fact("peer",
         alive ? text_at(peer, "role") + behind(", heard ", silent) + when(!silent.empty(), " ago")
         : silent.empty() ? "never heard"
         : has_stopped    ? "stopped " + silent + " ago"
                          : "silent for " + silent);
    const std::string not_believed = text_at(peer, "not_believed");
    if (!not_believed.empty()) {
      worry("the peer is heard but not believed (" + not_believed + ")" +
            behind(": ", text_at(peer, "advice")));
    } else if (!alive) {
      worry(std::string("the peer ") + (has_stopped ? "has stopped" : "is not heard") + ": " +
            what_its_silence_means(pulse));
    } else if (text_at(peer, "reasons") == "held") {
      worry("the peer is held: it would not take over");
    } else if (!flag_at(peer, "able", true)) {
      worry("the peer is not able to serve" + behind(": ", text_at(peer, "reasons")));
    }
    if (!flag_at(peer, "same_config", true)) {
      show_other_configuration(text_at(peer, "config_serial"));
    }
    std::string paths;
    for (const auto& each : array_at(pulse, "paths")) {
      if (!each.is_object()) {
        continue;
      }
      const json::object& path = each.get_object();
      const bool up = flag_at(path, "alive", true);
      paths += when(!paths.empty(), ", ") + text_at(path, "name") + (up ? " alive" : " silent");
      if (!up && alive) {
        worry("the heartbeat path " + text_at(path, "name") + " is silent");
      }
    }
    fact("paths", paths);
  }

  // A reload that one of them refused is such a difference as well as a file that was not copied.
  void show_other_configuration(const std::string& serial) {
    remark(serial_.empty()     ? "the peer runs another lvs.cf, of serial " + serial
           : serial_ == serial ? "the peer runs another lvs.cf, though its serial is " + serial +
                                     " as well: compare the two files, and reload both"
                               : "the peer runs another lvs.cf: its serial is " + serial +
                                     ", that of this director " + serial_);
  }

  void show_lvsd(const json::object& lvsd) {
    const bool ready = flag_at(lvsd, "ready", true);
    const bool armed = flag_at(lvsd, "armed", false);
    fact("lvsd", std::string(ready ? "ready" : "not ready") + ", " +
                     (armed ? "armed" : "not armed") + behind(", ", text_at(lvsd, "role")) +
                     behind(", serial ", text_at(lvsd, "serial")));
    fact("core", text_at(lvsd, "core") + size_of(object_at(lvsd, "core_status")) +
                     behind(", sync daemon ", joined(array_at(lvsd, "sync_daemons"), "; ")));
    show_nanny(object_at(lvsd, "nanny"));
    show_doubt(object_at(lvsd, "in_doubt"));
    if (!ready) {
      worry("lvsd is not ready");
    }
    show_refusals_by_lvsd(text_at(lvsd, "reload_error"));
    for (const char* field : {"core_error", "names_error", "marks_error", "deny_error",
                              "sysctls_error", "other_core_error"}) {
      const std::string error = text_at(lvsd, field);
      if (!error.empty()) {
        worry(error);
      }
    }
    show_core(object_at(lvsd, "core_status"));
    for (const auto& each : array_at(lvsd, "failing")) {
      worry("cannot set " + (each.is_object() ? text_at(each.get_object(), "what") + ": " +
                                                    text_at(each.get_object(), "error")
                                              : text_of(each)));
    }
    show_names(lvsd);
    for (const auto& each : array_at(lvsd, "skipped")) {
      worry("not served: " + text_of(each));
    }
    services_.push_back(
        {"SERVICE", "SERVER", "HEALTH", "WEIGHT", "FORWARD", "ACTIVE", "INACTIVE", "REASON"});
    for (const auto& each : array_at(lvsd, "services")) {
      if (each.is_object()) {
        show_service(each.get_object());
      }
    }
    show_remarks(lvsd);
  }

  // Both daemons read one file, and mostly refuse it for the same lines.
  void show_refusals_by_lvsd(const std::string& errors) {
    if (errors.empty()) {
      return;
    }
    const size_t said_by_pulse = refusals_.size();
    add_lines(errors, refusals_);
    const std::vector<std::string> others(
        refusals_.begin() + static_cast<std::ptrdiff_t>(said_by_pulse), refusals_.end());
    for (const auto& error : few_lines(others, kCheckHasAll)) {
      worry(error);
    }
    if (others.empty()) {
      worry("lvsd runs with an older configuration as well");
    }
  }

  void show_core(const json::object& core) {
    const std::string chain_error = text_at(core, "chain_error");
    if (!chain_error.empty()) {
      worry("packets of services may not reach the core: " + chain_error);
    }
    if (flag_at(core, "copies_lost", false)) {
      worry(
          "a rule of OUTPUT drops new connections on their way into the core: let pass what goes "
          "out by ipvs0, in the chain that drops (iptables -I OUTPUT -o ipvs0 -j ACCEPT; nft: "
          "oifname ipvs0 accept)");
    }
    if (!flag_at(core, "takes_fragments", true)) {
      remark("datagrams in fragments are lost: this kernel's nftables has no tproxy");
    }
    if (flag_at(core, "encrypts", false)) {
      remark("policies of IPsec are set: translated packets go by the stack, slower");
    }
    if (const std::string devices = joined(array_at(core, "overtaken"), ", "); !devices.empty()) {
      remark("programs of others are before ours on " + devices + ": packets are served, slower");
    }
  }

  // Of a core that has a size of its own.
  static std::string size_of(const json::object& core) {
    const std::string most = text_at(core, "connections_max");
    return most.empty() ? ""
                        : ", " + text_at(core, "connections") + " of " + most + " connections, " +
                              text_at(core, "templates") + " of " + most + " templates";
  }

  void show_nanny(const json::object& nanny) {
    const std::string restarts = text_at(nanny, "restarts");
    const std::string pid = text_at(nanny, "pid");
    if (restarts.empty()) {
      return;
    }
    fact("nanny",
         (pid.empty() ? "not running" : "running as pid " + pid) +
             (restarts == "0"
                  ? ""
                  : ", ended " + restarts + " times, the last one: " + text_at(nanny, "last_end")));
    if (const std::string user = text_at(nanny, "user"); !user.empty() && user != "nanny") {
      remark("nanny runs as " + user + ", whom it shares with others: there is no user nanny " +
             "(systemd-sysusers makes it)");
    }
    const std::string unanswered = text_at(nanny, "pings_unanswered");
    if (unanswered.size() > 1 || unanswered > "1") {
      worry("nanny has not answered the last " + unanswered + " pings: health is as last seen");
    }
  }

  // As the directors are compared; what is wrong with its servers is said with the service.
  void show_doubt(const json::object& in_doubt) {
    const auto count = number_at(in_doubt, "count").value_or(0);
    std::string names;
    int64_t more = count;
    for (const auto& each : array_at(in_doubt, "services")) {
      if (each.is_object()) {
        const json::object& service = each.get_object();
        names += when(!names.empty(), ", ") + text_at(service, "name") + " (" +
                 text_at(service, "why") + ")";
        --more;
      }
    }
    if (count > 0) {
      fact("in doubt", std::to_string(count) + (count == 1 ? " service" : " services") +
                           behind(": ", names) +
                           when(more > 0, " and " + std::to_string(more) + " more"));
    }
  }

  void show_service(const json::object& service) {
    std::string name = text_at(service, "name") + " (" + text_at(service, "service") + " " +
                       text_at(service, "scheduler") + ")";
    const json::array& servers = array_at(service, "servers");
    if (servers.empty()) {
      services_.push_back({name, "none"});
    }
    size_t down = 0;
    size_t cut = 0;
    size_t unchecked = 0;  // And nothing of them is in the table.
    size_t real = 0;       // The sorry server is none of those that may be down.
    for (const auto& each : servers) {
      if (!each.is_object()) {
        continue;
      }
      const json::object& server = each.get_object();
      const std::string health = text_at(server, "health");
      real += text_at(server, "standing") == "sorry" ? 0 : 1;
      down += health == "down" ? 1 : 0;
      cut += text_at(server, "has_way") == "false" ? 1 : 0;
      unchecked += is_left_out_unchecked(server) ? 1 : 0;
      services_.push_back({name, text_at(server, "name") + " " + text_at(server, "address"), health,
                           text_at(server, "weight"), text_at(server, "forward"),
                           text_at(server, "active"), text_at(server, "inactive"),
                           text_at(server, "reason")});
      name.clear();
    }
    if (const std::string why = text_at(service, "unserved"); !why.empty()) {
      worry(text_at(service, "name") + " serves nobody: " + why);
    } else if (unchecked > 0) {
      worry(std::to_string(unchecked) + " of " + std::to_string(real) + " servers of " +
            text_at(service, "name") + " could not be checked and are not used: REASON says why");
    }
    if (down > 0) {
      worry(std::to_string(down) + " of " + std::to_string(real) + " servers of " +
            text_at(service, "name") + (down == 1 ? " is down" : " are down"));
    }
    if (cut > 0) {
      worry("this director has no way to " + std::to_string(cut) + " of " + std::to_string(real) +
            " servers of " + text_at(service, "name") +
            ": REASON says which device or route is missing here; it is not the servers' fault");
    }
  }

  // Its check cannot be made; one whose first check has not ended yet is no trouble.
  static bool is_left_out_unchecked(const json::object& server) {
    return text_at(server, "health") == "unknown" && !flag_at(server, "in_table", true) &&
           flag_at(server, "has_way", true) &&
           text_at(server, "reason").starts_with("not checked: ");
  }

  void show_remarks(const json::object& daemon) {
    for (const char* field : {"remarks", "warnings", "mark_warnings", "held_back", "alarms"}) {
      std::vector<std::string> texts;
      for (const auto& each : array_at(daemon, field)) {
        texts.push_back(text_of(each));
      }
      for (const auto& text : few_lines(std::move(texts), "lvsctl status --json has them all")) {
        remark(text);
      }
    }
  }

  void fact(const std::string& name, const std::string& text) {
    if (!text.empty()) {
      facts_.push_back({name, text});
    }
  }
  void worry(const std::string& text) {
    degraded_ = true;
    remark(text);
  }
  void remark(const std::string& text) { remarks_.push_back("! " + text); }

  std::vector<std::string> refusals_;  // Of a configuration, as pulse and then lvsd said them.
  std::string serial_;                 // Of what runs here; empty: not known.
  std::vector<Row> facts_, services_;
  std::vector<std::string> remarks_;
  bool degraded_ = false;
};

json::value answer_json(const Answer& answer) {
  if (answer.status) {
    return *answer.status;
  }
  const char* why = answer.is_refused                           ? "not allowed"
                    : answer.silent.why == Silence::not_running ? "not running"
                    : answer.silent.why == Silence::starting    ? "starting"
                                                                : "no answer";
  return json::object{{"ok", false}, {"error", answer.error}, {"why", why}};
}

}  // namespace

StatusPage status_page(const Answer& pulse, const Answer& lvsd, CoreHere core) {
  return Page().make(pulse, lvsd, core);
}

std::string status_json(const Answer& pulse, const Answer& lvsd, Condition condition) {
  const char* word = condition == Condition::healthy    ? "healthy"
                     : condition == Condition::degraded ? "degraded"
                     : condition == Condition::unknown  ? "unknown"
                                                        : "not running";
  return json::serialize(json::object{
             {"condition", word}, {"pulse", answer_json(pulse)}, {"lvsd", answer_json(lvsd)}}) +
         "\n";
}

}  // namespace lvs::lvsctl
