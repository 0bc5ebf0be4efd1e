// The arbiter process: the director's core joined to its shell, the configuration, the control
// socket and the keeper. Who has the control socket has the lock: one arbiter in a network
// namespace, and nothing is touched before it is ours.
#pragma once

#include <string>

namespace lvs::pulse {

struct ArbiterOptions {
  std::string config_file;
  bool foreground = false;
  bool verbose = false;
  bool force_active = false;
  bool restarted = false;
  std::string predecessor;  // How the one before ended, told by the keeper.
};

// To the keeper and from it. When the keeper is gone, so is the arbiter.
inline constexpr char kArbiterReady = 'r';
inline constexpr char kLvsdFailed = 'f';

int run_arbiter(const ArbiterOptions& options);

}  // namespace lvs::pulse
