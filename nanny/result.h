// How one check ended, in the operator's words. `reason` goes to lvsd and its status; `marker` is
// the line that administrators of Piranha grep for, when it has one. A check that could not be made
// for a cause on this machine (no descriptor, no port, no memory, its own firewall) is undecided,
// and one that failed while this machine had no way to the server (ways.h) is cut: neither says
// anything about the server, and neither is counted.
#pragma once

#include <string>
#include <string_view>

#include "common/address.h"

namespace lvs::nanny {

enum class Outcome { works, fails, undecided, cut };

inline bool is_decided(Outcome outcome) {
  return outcome == Outcome::works || outcome == Outcome::fails;
}

struct ProbeResult {
  Outcome outcome = Outcome::undecided;
  std::string reason;
  std::string marker;
  bool operator==(const ProbeResult&) const = default;
};

ProbeResult works(std::string reason);
ProbeResult fails(std::string reason, std::string marker = "");
ProbeResult cut(std::string reason);

ProbeResult connect_timed_out(const Endpoint& target);
ProbeResult handshake_timed_out(const Endpoint& target);
ProbeResult read_timed_out(const Endpoint& target);
ProbeResult answer_too_short(const Endpoint& target, size_t bytes);
// With the first bytes that came instead; `who` goes before.
ProbeResult unexpected_answer(const Endpoint& target, std::string_view received,
                              const std::string& who = "");

// With every byte but printable ASCII escaped.
std::string printable(std::string_view bytes);

// The first bytes of what a stranger sent, in quotes, and nothing but printable ASCII.
std::string quoted(std::string_view bytes);

// "connect: Connection refused": fails, or undecided when the errno value tells of this machine
// only.
ProbeResult system_error(const std::string& doing, int code);

}  // namespace lvs::nanny
