#include "tools/lvsctl/metrics/page.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "tools/lvsctl/metrics/fields.h"
#include "tools/lvsctl/metrics/open_metrics.h"
#include "tools/lvsctl/metrics/table.h"

namespace lvs::lvsctl {
namespace {

namespace json = boost::json;
using Type = OpenMetrics::Type;

constexpr const char* kStates[] = {"listening", "standby",      "preparing", "adopting",
                                   "active",    "handing-over", "stopped"};
constexpr const char* kHoldings[] = {"held", "not-held", "foreign", "failed", "missing"};

class Page {
 public:
  std::string make(const Answer& pulse, const Answer& lvsd) {
    write_daemons({{"pulse", &pulse}, {"lvsd", &lvsd}});
    write_configuration(pulse, lvsd);
    if (pulse.status) {
      write_director(*pulse.status);
      write_addresses(*pulse.status);
      write_heartbeats(object_at(*pulse.status, "counters"));
      if (!flag_at(*pulse.status, "alone").value_or(false)) {
        write_peer(object_at(*pulse.status, "peer"));
        write_paths(array_at(*pulse.status, "paths"));
      }
    }
    if (lvsd.status) {
      write_lvsd(*lvsd.status);
      write_core(*lvsd.status);
      write_table(*lvsd.status, out_);
    }
    return out_.take();
  }

 private:
  // One that we may not ask may well run.
  void write_daemons(const std::vector<std::pair<std::string, const Answer*>>& daemons) {
    out_.family("lvs_daemon_up", Type::gauge, "Whether the daemon answers, if it may be asked.");
    for (const auto& [name, answer] : daemons) {
      if (!answer->is_refused) {
        out_.sample({{"daemon", name}}, answer->status.has_value());
      }
    }
    out_.family("lvs_daemon_may_ask", Type::gauge,
                "Whether these metrics may ask the daemon: as root, or in group lvs.");
    for (const auto& [name, answer] : daemons) {
      out_.sample({{"daemon", name}}, !answer->is_refused);
    }
  }

  void write_configuration(const Answer& pulse, const Answer& lvsd) {
    const auto serial = lvsd.status ? number_at(*lvsd.status, "serial") : std::nullopt;
    const auto digest = pulse.status ? word_at(*pulse.status, "config_digest") : "";
    if (serial || !digest.empty()) {
      out_.family("lvs_configuration", Type::info, "The lvs.cf that is in effect.");
      out_.sample({{"serial", serial ? std::to_string(*serial) : ""}, {"digest", digest}}, true);
    }
  }

  void write_director(const json::object& pulse) {
    out_.family("lvs_director_state", Type::gauge, "1 for the state that the director is in.");
    for (const char* state : kStates) {
      out_.sample({{"state", state}}, word_at(pulse, "state") == state);
    }
    flag("lvs_director_holding", "Whether it holds a floating address.", pulse, "holding");
    flag("lvs_director_able", "Whether it is able to serve.", pulse, "able");
    out_.family("lvs_director_held", Type::gauge, "Whether an operator keeps it in its role.");
    out_.sample({}, !object_at(pulse, "held").empty());
    number("lvs_director_term", Type::gauge, "The term that it knows.", pulse, "term");
    number("lvs_director_unserved_services", Type::gauge,
           "Services that it knows that it cannot serve: no link, no way, or all servers down.",
           pulse, "unserved");
    milliseconds("lvs_director_lateness_seconds", "How late its last wake-up was.", pulse,
                 "late_ms");
    milliseconds("lvs_director_lateness_max_seconds", "How late its latest wake-up was.", pulse,
                 "late_max_ms");
  }

  void write_addresses(const json::object& pulse) {
    const json::array& addresses = array_at(pulse, "each_address");
    out_.family("lvs_addresses", Type::gauge, "Floating addresses of the configuration by state.");
    for (const char* holding : kHoldings) {
      const auto count = std::count_if(addresses.begin(), addresses.end(), [&](const auto& each) {
        return each.is_object() && word_at(each.get_object(), "state") == holding;
      });
      out_.sample({{"state", holding}}, int64_t{count});
    }
    out_.family("lvs_address_held", Type::gauge, "Whether the director holds the address.");
    for (const auto& each : addresses) {
      if (each.is_object()) {
        const auto& address = each.get_object();
        out_.sample(
            {{"address", word_at(address, "address")}, {"device", word_at(address, "device")}},
            word_at(address, "state") == "held");
      }
    }
  }

  void write_heartbeats(const json::object& counters) {
    for (const auto& [name, help, field] :
         {std::array{"lvs_heartbeats_sent", "Heartbeats sent.", "beats_sent"},
          std::array{"lvs_heartbeats_accepted", "Heartbeats believed.", "beats_accepted"},
          std::array{"lvs_takeovers", "Takeovers by this director.", "takeovers"},
          std::array{"lvs_standdowns", "Times that it stood down.", "standdowns"},
          std::array{"lvs_leases_lost", "Leases that ended unrenewed.", "leases_lost"},
          std::array{"lvs_addresses_restored", "Addresses that others had taken away.",
                     "addresses_restored"},
          std::array{"lvs_rivals_seen", "Signs of another holder while it held addresses.",
                     "rivals_seen"},
          std::array{"lvs_takeovers_put_off", "Takeovers put off by the split guard.", "vetoes"}}) {
      number(name, Type::counter, help, counters, field);
    }
    out_.family("lvs_heartbeats_refused", Type::counter, "Heartbeats not believed, by reason.");
    for (const auto& [reason, count] : object_at(counters, "refused")) {
      if (count.is_number()) {
        out_.sample({{"reason", reason}}, count.to_number<int64_t>());
      }
    }
  }

  void write_peer(const json::object& peer) {
    flag("lvs_peer_heard", "Whether the peer is heard and believed.", peer, "alive");
    milliseconds("lvs_peer_silence_seconds", "How long ago it was heard.", peer, "silent_ms");
    out_.family("lvs_peer_active", Type::gauge, "Whether it said that it is active.");
    out_.sample({}, flag_at(peer, "alive").value_or(false) && word_at(peer, "role") == "active");
    flag("lvs_peer_able", "Whether it is able to serve.", peer, "able");
    flag("lvs_peer_same_configuration", "Whether its lvs.cf is the same.", peer, "same_config");
    number("lvs_peer_unserved_services", Type::gauge, "Services that it said that it cannot serve.",
           peer, "unserved");
    out_.family("lvs_peer_held", Type::gauge, "Whether an operator keeps it in its role.");
    out_.sample({}, word_at(peer, "reasons").find("held") != std::string_view::npos);
  }

  void write_paths(const json::array& paths) {
    const auto each = [&](const char* name, Type type, const char* help, const char* unit,
                          const auto& value_of) {
      out_.family(name, type, help, unit);
      for (const auto& path : paths) {
        if (!path.is_object()) {
          continue;
        }
        if (const auto value = value_of(path.get_object())) {
          out_.sample({{"path", word_at(path.get_object(), "name")}}, *value);
        }
      }
    };
    each("lvs_path_alive", Type::gauge, "Whether heartbeats come by the path.", "",
         [](const json::object& path) { return flag_at(path, "alive"); });
    each("lvs_path_silence_seconds", Type::gauge, "How long ago one came.", "seconds",
         [](const json::object& path) { return seconds_at(path, "silent_ms"); });
    each("lvs_path_heartbeats", Type::counter, "Heartbeats that came by the path.", "",
         [](const json::object& path) { return number_at(path, "heard"); });
    each("lvs_path_heartbeats_lost", Type::counter,
         "Heartbeats that the peer numbered and that did not come by the path.", "",
         [](const json::object& path) { return number_at(path, "lost"); });
  }

  void write_lvsd(const json::object& lvsd) {
    flag("lvs_ready", "Whether the table is complete.", lvsd, "ready");
    flag("lvs_armed", "Whether the core takes connections.", lvsd, "armed");
    out_.family("lvs_reload_failed", Type::gauge, "Whether an older lvs.cf runs than is there.");
    out_.sample({}, !word_at(lvsd, "reload_error").empty());
    out_.family("lvs_requests_failing", Type::gauge, "Changes that the core refuses.");
    out_.sample({}, static_cast<int64_t>(array_at(lvsd, "failing").size()));
    number("lvs_table_writes", Type::counter, "Changes of the table.", lvsd, "writes");
    number("lvs_table_drifts", Type::counter, "Times that others had changed it.", lvsd, "drifts");
    number("lvs_nanny_restarts", Type::counter, "Times that nanny was started again.",
           object_at(lvsd, "nanny"), "restarts");
    out_.family("lvs_repairs", Type::counter, "What was set again that others had changed.");
    for (const auto& [what, count] :
         {std::pair{"table", number_at(lvsd, "repairs")},
          {"sysctls", number_at(lvsd, "sysctl_repairs")},
          {"core", number_at(object_at(lvsd, "core_status"), "repairs")}}) {
      if (count) {
        out_.sample({{"what", what}}, *count);
      }
    }
  }

  void write_core(const json::object& lvsd) {
    const json::object& core = object_at(lvsd, "core_status");
    out_.family("lvs_core", Type::info, "Which core serves.");
    out_.sample({{"core", word_at(lvsd, "core")}}, true);
    number("lvs_core_connections", Type::gauge, "Connections in the table.", core, "connections");
    number("lvs_core_templates", Type::gauge, "Templates of persistence.", core, "templates");
    number("lvs_core_connections_most", Type::gauge, "As many of each as there is room for.", core,
           "connections_max");
    flag("lvs_core_copies_lost", "Whether a rule of OUTPUT drops new connections.", core,
         "copies_lost");
    if (const json::object& drops = object_at(core, "drops"); !drops.empty()) {
      out_.family("lvs_core_drops", Type::counter,
                  "Packets dropped or passed on, and connections given up, by reason.");
      for (const auto& [reason, count] : drops) {
        if (count.is_number()) {
          out_.sample({{"reason", reason}}, count.to_number<int64_t>());
        }
      }
    }
  }

  static std::optional<double> seconds_at(const json::object& object, const char* field) {
    const auto ms = number_at(object, field);
    return ms ? std::optional(static_cast<double>(*ms) / 1000) : std::nullopt;
  }

  void flag(const char* name, const char* help, const json::object& object, const char* field) {
    if (const auto value = flag_at(object, field)) {
      out_.family(name, Type::gauge, help);
      out_.sample({}, *value);
    }
  }
  void number(const char* name, Type type, const char* help, const json::object& object,
              const char* field) {
    if (const auto value = number_at(object, field)) {
      out_.family(name, type, help);
      out_.sample({}, *value);
    }
  }
  void milliseconds(const char* name, const char* help, const json::object& object,
                    const char* field) {
    if (const auto value = seconds_at(object, field)) {
      out_.family(name, Type::gauge, help, "seconds");
      out_.sample({}, *value);
    }
  }

  OpenMetrics out_;
};

}  // namespace

std::string metrics_page(const Answer& pulse, const Answer& lvsd) {
  return Page().make(pulse, lvsd);
}

}  // namespace lvs::lvsctl
