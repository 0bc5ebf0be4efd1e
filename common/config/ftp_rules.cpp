#include "common/config/ftp_rules.h"

#include <algorithm>

#include "common/config/check_syntax.h"

namespace lvs::config {
namespace {

constexpr uint16_t kFtpPort = 21;
constexpr uint16_t kFirstPassivePort = 1024;

bool covers(const VirtualService& service, uint16_t port) {
  return std::any_of(
      service.mark_ports.begin(), service.mark_ports.end(), [&](const MarkPorts& marked) {
        return marked.protocol == "tcp" &&
               std::any_of(marked.ranges.begin(), marked.ranges.end(), [&](const auto& range) {
                 return range.first <= port && port <= range.second;
               });
      });
}

class FtpRules {
 public:
  FtpRules(const Globals& globals, const VirtualService& service)
      : service_(service), is_marked_(service.fwmark != 0) {
    for (const auto& server : service.servers) {
      if (server.in_use()) {
        (effective_forward(globals, service, server) == ipvs::Forward::masq ? nat_ : direct_) += 1;
      }
    }
  }

  Diagnostics judge() {
    const bool is_checked_so = kind_of(effective_check(service_)) == "ftp";
    if (is_marked_) {
      if (covers(service_, kFtpPort) || (service_.mark_ports.empty() && is_checked_so)) {
        judge_mark();
      }
    } else if (service_.protocol == ipvs::Protocol::tcp && service_.port == kFtpPort) {
      judge_port();
    } else if (is_checked_so && service_.port != 0) {
      judge_other_port();
    }
    return std::move(found_);
  }

 private:
  bool is_persistent() const { return service_.persistent > Duration{0}; }

  void judge_port() {
    if (direct_ > 0 && !is_persistent()) {
      warn("port",
           "expected persistent as well: the data connections of ftp must reach the same server");
    }
  }

  void judge_mark() {
    if (direct_ == 0) {
      return;  // It is enough to mark port 21.
    }
    const bool has_data_ports = service_.mark_ports.empty() ||
                                covers(service_, kFirstPassivePort) || covers(service_, 65535);
    if (!has_data_ports) {
      warn("mark_ports",
           "expected the ports of ftp's data connections as well, as in tcp/20,21,1024:65535: with "
           "direct and tunnel they must have the same mark");
    }
    if (!is_persistent()) {
      warn("fwmark",
           "expected persistent as well: the data connections of ftp must reach the same server");
    }
  }

  void judge_other_port() {
    if (nat_ > 0) {
      warn("port",
           "expected 21: with nat the data connections of ftp are found on that port alone, and "
           "fail here");
    }
    if (direct_ > 0) {
      warn("port",
           "expected 21, or a fwmark for all its ports: the data connections of ftp come to other "
           "ports, which only a persistent service of port 21 takes");
    }
  }

  void warn(const char* key, std::string text) {
    found_.push_back({Severity::warning, "", service_.lines.of(key), key, std::move(text)});
  }

  const VirtualService& service_;
  const bool is_marked_;
  int nat_ = 0;
  int direct_ = 0;  // Or behind a tunnel.
  Diagnostics found_;
};

}  // namespace

Diagnostics ftp_remarks(const Globals& globals, const VirtualService& service) {
  return FtpRules(globals, service).judge();
}

}  // namespace lvs::config
