#include "common/config/machine_needs.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

namespace lvs::config {
namespace {

// The first of these keys that the service gives, else its own line.
int line_of(const VirtualService& service, std::initializer_list<const char*> keys) {
  const SourceLines& lines = service.lines;
  const auto given = std::find_if(keys.begin(), keys.end(),
                                  [&](const char* key) { return lines.of(key) != lines.block; });
  return given == keys.end() ? lines.block : lines.of(*given);
}

class Needs {
 public:
  explicit Needs(const MachineHas& has) : has_(has) {}

  void look_at(const VirtualService& service, int line) {
    const Check check = effective_check(service);
    const auto* script = std::get_if<ScriptCheck>(&check);
    const auto* named = std::get_if<NamedCheck>(&check);
    if (has_.user && script != nullptr && users_.insert(script->user).second &&
        !has_.user(script->user)) {
      lacks(line + line_of(service, {"script_user", "check", "send_program"}), "script_user",
            "this machine has no user " + script->user +
                ": without it no script is run, and a server that is checked by one is never used: "
                "create it (systemd-sysusers, or useradd --system " +
                script->user + "), or name another one");
    }
    if (has_.sctp && named != nullptr && named->kind == "sctp" &&
        !std::exchange(needs_sctp_, true) && !has_.sctp()) {
      lacks(line + line_of(service, {"check", "protocol"}), "check",
            "the kernel of this machine has no SCTP: without it no association is tried, and a "
            "server that is checked so is never used: modprobe sctp, and sctp in "
            "/etc/modules-load.d for the next boot");
    }
  }

  Diagnostics take() { return std::move(found_); }

 private:
  void lacks(int line, const char* key, std::string what) {
    found_.push_back({Severity::warning, "", line, key, std::move(what)});
  }

  const MachineHas& has_;
  std::set<std::string> users_;
  bool needs_sctp_ = false;
  Diagnostics found_;
};

}  // namespace

Diagnostics machine_lacks(const Config& config, const MachineHas& has) {
  Needs needs(has);
  for (const auto& [service, line] : config.virtuals.entries()) {
    if (service->in_use()) {
      needs.look_at(*service, line);
    }
  }
  return needs.take();
}

}  // namespace lvs::config
