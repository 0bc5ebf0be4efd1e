#include "lvsd/core_mode.h"

#include <cstdio>
#include <fstream>
#include <string>

#include "common/io/daemon.h"
#include "common/io/log_sink.h"
#include "common/ipvs/io/server.h"

namespace lvs::core {

namespace {

constexpr const char* kForwarding = "/proc/sys/net/ipv4/ip_forward";

LogEvent event(Level level, const std::string& name,
               std::vector<std::pair<std::string, std::string>> fields = {}) {
  return {level, name, "", std::move(fields)};
}

void set_forwarding() {
  std::string now;
  std::ifstream(kForwarding) >> now;
  if (now == "1") {
    return;
  }
  std::ofstream file(kForwarding);
  file << "1" << std::flush;
  lvs::io::log(event(file ? Level::notice : Level::error, "sysctl-set",
                     {{"name", "net.ipv4.ip_forward"}, {"value", "1"}, {"was", now}}));
}

int failed(const Error& error) {
  lvs::io::log(event(Level::error, "core-failed", {{"error", error.what}}));
  return 1;
}

Result<Ok> serve(bool foreground, const CoreOptions& options, lvs::io::Background& background) {
  boost::asio::io_context io;
  set_forwarding();
  auto core = Core::open(io, options, lvs::io::log);
  if (!core) {
    return core.error();
  }
  auto server = ipvs::io::Server::listen(
      io, [&core](const ipvs::Request& request) { return (*core)->handle(request); });
  if (!server) {
    return server.error();
  }
  if (auto ok = (*core)->set_armed(true); !ok) {
    return ok;
  }
  const lvs::io::Signals signals(
      io, [&io](int) { io.stop(); }, [] {});
  lvs::io::log(event(Level::notice, "core-ready",
                     {{"adopted", (*core)->status().adopted ? "yes" : "no"},
                      {"foreground", foreground ? "yes" : "no"}}));
  background.ready();
  io.run();
  lvs::io::log(event(Level::notice, "core-left", {{"forwarding", "goes on"}}));
  return Ok{};
}

}  // namespace

int run_core_mode(const CoreModeOptions& options) {
  lvs::io::open_log("lvsd", lvs::io::LogTarget::standard_error, Level::info);
  if (options.remove) {
    const auto removed = Core::remove();
    return removed ? 0 : failed(removed.error());
  }
  lvs::io::Background background;
  if (!options.foreground) {
    auto entered = lvs::io::Background::enter();
    if (!entered) {
      return failed(entered.error());
    }
    background = std::move(*entered);
    lvs::io::open_log("lvsd", lvs::io::LogTarget::syslog, Level::info);
  }
  const auto served = serve(options.foreground, options.core, background);
  return served ? 0 : failed(served.error());
}

}  // namespace lvs::core
