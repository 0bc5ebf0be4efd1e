// Firewall marks as iptables rules. IPVS only recognises marks; what sets them are rules in mangle
// PREROUTING, made here from `fwmark`, `mark_ports` and the service's address. They stand in a
// chain of their own, LVS, to which PREROUTING jumps exactly once: chain and jump are ours, every
// other rule is somebody else's.
//
// Three texts in iptables-save's format are computed: the script that makes the running rules
// right, the saved rules file with only our lines exchanged, and an analysis of which marks are set
// at all, by whomever. Laws: splice(splice(x)) == splice(x); splicing nothing gives back x without
// our lines, byte for byte.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/config/model.h"
#include "common/result.h"

namespace lvs::lvsd {

constexpr std::string_view kMarkChain = "LVS";
constexpr size_t kMultiportMax = 15;  // Of the multiport match; a range takes two.

// "-A LVS -d 192.0.2.10/32 -p tcp -m multiport --dports 80,443 -j MARK --set-xmark 0x50/0xffffffff"
// as iptables-save prints it, for one family, in the order of the configuration.
using MarkLines = std::vector<std::string>;
MarkLines mark_lines(const config::Config& config, Family family);

// Input for `iptables-restore --noflush` that turns the running mangle table (text of
// `iptables-save -t mangle`) into one with exactly these lines; empty when it is so already.
std::string restore_script(std::string_view running, const MarkLines& wanted);

// The saved rules file with our lines exchanged for these. An error when its mangle table has no
// COMMIT.
Result<std::string> splice(std::string_view saved, const MarkLines& wanted);

// A rule that sets a mark, as far as it matters to us.
struct MarkSetter {
  uint32_t mark = 0;
  std::string chain;
  std::string destination;                           // "192.0.2.10/32"; empty: any.
  std::string protocol;                              // empty: any
  std::vector<std::pair<uint16_t, uint16_t>> ports;  // empty: any
  std::string line;
  bool operator==(const MarkSetter&) const = default;
};
// Those that a packet on its way in can meet, from the text of `iptables-save -t mangle`.
std::vector<MarkSetter> mark_setters(std::string_view running);

// The rule of ours that gives a packet to this address its mark, if they run; of several the last.
std::optional<MarkSetter> own_setter_for(std::string_view running, std::string_view protocol,
                                         const Address& address, uint16_t port);

struct MarkAnalysis {
  std::vector<std::string> services_without_rule;  // "web (fwmark 80)"
  std::vector<MarkSetter> rules_without_service;
  bool operator==(const MarkAnalysis&) const = default;
};
MarkAnalysis analyse_marks(const config::Config& config, std::string_view running_v4,
                           std::string_view running_v6);

// The same as sentences for the operator; none for a configuration without marks, where marks are
// somebody else's business altogether.
using MarkWarnings = std::vector<std::string>;
MarkWarnings mark_warnings(const config::Config& config, std::string_view running_v4,
                           std::string_view running_v6);

// Whether any service has a mark, so that the rules are worth looking at now and then.
bool has_marks(const config::Config& config);
// Whether two configurations want the same rules and the same warnings.
bool has_same_marks(const config::Config& a, const config::Config& b);

// What to do about an error of an iptables program, by what it said; empty where that is clear.
std::string iptables_advice(std::string_view said);

}  // namespace lvs::lvsd
