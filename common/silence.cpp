#include "common/silence.h"

namespace lvs {

std::string to_string(const SilentDaemon& daemon) {
  const std::string pid = daemon.pid == 0 ? "" : "pid " + std::to_string(daemon.pid);
  switch (daemon.why) {
    case Silence::not_running:
      return "not running";
    case Silence::starting:
      return "starting" + (pid.empty() ? "" : " (" + pid + ")");
    case Silence::silent:
      break;
  }
  return "does not answer" +
         (pid.empty() ? "" : " (" + pid + (daemon.is_stopped ? ", stopped by a signal)" : ")"));
}

std::string advice_for(const SilentDaemon& daemon) {
  switch (daemon.why) {
    case Silence::not_running:
      return "service pulse start";
    case Silence::starting:
      return "ask again in a moment";
    case Silence::silent:
      break;
  }
  const std::string going_on =
      daemon.is_stopped ? "kill -CONT " + std::to_string(daemon.pid) + " lets it go on; " : "";
  return going_on + "pulse starts it anew within seconds, else: service pulse restart";
}

}  // namespace lvs
