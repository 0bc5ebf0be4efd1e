#include "common/config/mark_rules.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "common/config/check_syntax.h"

namespace lvs::config {
namespace {

constexpr uint16_t kFtpPort = 21;
// These choose by a connection, whoever it comes from.
constexpr std::array<std::string_view, 7> kByConnection = {"rr",  "wrr", "lc", "wlc",
                                                           "sed", "nq",  "ovf"};

class MarkRules {
 public:
  MarkRules(const Globals& globals, const VirtualService& service)
      : globals_(globals), service_(service) {
    for (const auto& marked : service.mark_ports) {
      ranges_.insert(marked.ranges.begin(), marked.ranges.end());
      has_ipsec_ = has_ipsec_ || marked.ranges.empty();
    }
  }

  Diagnostics judge() {
    int active = 0;
    for (const auto& server : service_.servers) {
      if (server.in_use()) {
        ++active;
        judge_port(server);
      }
    }
    if (active > 1) {
      judge_persistence();
    }
    return std::move(found_);
  }

 private:
  bool is_persistent() const { return service_.persistent > Duration{0}; }
  bool is_known() const { return !service_.mark_ports.empty(); }

  // Two ports that differ, whatever their protocols.
  bool has_several() const {
    return ranges_.size() > 1 ||
           (!ranges_.empty() && ranges_.begin()->first != ranges_.begin()->second);
  }

  bool takes_only(uint16_t port) const {
    return ranges_.size() == 1 && *ranges_.begin() == std::pair{port, port};
  }

  bool covers(uint16_t port) const {
    return std::any_of(ranges_.begin(), ranges_.end(), [&](const auto& range) {
      return range.first <= port && port <= range.second;
    });
  }

  void judge_port(const RealServer& server) {
    if (effective_forward(globals_, service_, server) != ipvs::Forward::masq || server.port == 0) {
      return;
    }
    const std::string port = std::to_string(server.port);
    if (is_persistent()) {
      if (server.port_given && is_known() && !has_ipsec_ && !takes_only(server.port) &&
          !covers(server.port)) {
        warn(server.lines, "port",
             "packets with a mark keep their port in a persistent service: only the checks go to " +
                 port);
      }
    } else if (has_several() && server.port_given) {
      warn(server.lines, "port",
           "with nat whatever carries the mark goes to this one, the packets of each of " +
               mark_ports_form().print(service_.mark_ports) + " to " + port +
               ": leave it out, and each keeps its port; what port says in the virtual block is "
               "where checks go");
    } else if (!is_known() && !service_.ops && !std::exchange(is_told_of_rules_, true)) {
      warn(service_.lines, "fwmark",
           "with nat whatever carries the mark goes to port " + port +
               " of the servers: where it is the mark of several ports, name them, as in "
               "mark_ports = tcp/80,443, and each keeps its port");
    }
  }

  void judge_persistence() {
    const bool is_ipsec = has_ipsec_ && (service_.mark_ports.size() > 1);
    const bool is_scattered =
        std::find(kByConnection.begin(), kByConnection.end(), service_.scheduler) !=
            kByConnection.end() ||
        std::any_of(service_.sched_flags.begin(), service_.sched_flags.end(),
                    [](const std::string& flag) { return flag == "sh-port" || flag == "mh-port"; });
    // What belongs to FTP is said by its own rules.
    if (!is_persistent() && !service_.ops && is_scattered && (has_several() || is_ipsec) &&
        !covers(kFtpPort)) {
      warn(service_.lines, "fwmark",
           "a client's connections to the ports of the mark may go to different servers: "
           "persistent = 300 keeps them together");
    }
  }

  void warn(const SourceLines& lines, const char* key, std::string text) {
    found_.push_back({Severity::warning, "", lines.of(key), key, std::move(text)});
  }

  const Globals& globals_;
  const VirtualService& service_;
  std::set<std::pair<uint16_t, uint16_t>> ranges_;
  bool has_ipsec_ = false;
  bool is_told_of_rules_ = false;
  Diagnostics found_;
};

}  // namespace

Diagnostics mark_remarks(const Globals& globals, const VirtualService& service) {
  return service.fwmark == 0 ? Diagnostics{} : MarkRules(globals, service).judge();
}

}  // namespace lvs::config
