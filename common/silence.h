// A daemon that gives no answer, in words: three things that ask for three different deeds. Not
// running: nobody is there, and somebody must start it. Starting: it answers in a moment. Silent:
// it is there and does not answer, because it stands still or is busy.
#pragma once

#include <string>

namespace lvs {

enum class Silence { not_running, starting, silent };

struct SilentDaemon {
  Silence why = Silence::not_running;
  int pid = 0;              // 0: not known.
  bool is_stopped = false;  // By a signal, as SIGSTOP.
};

// "not running", "starting (pid 7)", "does not answer (pid 7, stopped by a signal)".
std::string to_string(const SilentDaemon& daemon);
// What to do about it. It is pulse's keeper that starts both daemons, and starts one anew that does
// not answer.
std::string advice_for(const SilentDaemon& daemon);

}  // namespace lvs
