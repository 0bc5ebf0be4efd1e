#include "lvsd/marks.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace lvs::lvsd {

namespace {

constexpr std::string_view kJump = "-A PREROUTING -j LVS";
// Stands before a mangle table that we added whole, so that it goes again whole.
constexpr std::string_view kAddedTable = "# Added by lvsd: the marks of virtual services.";

std::string hexadecimal(uint32_t value) {
  char text[16];
  const auto end = std::to_chars(std::begin(text), std::end(text), value, 16).ptr;
  return "0x" + std::string(text, end);
}

std::string port_text(const std::pair<uint16_t, uint16_t>& range) {
  const auto& [first, last] = range;
  return std::to_string(first) + (first == last ? "" : ":" + std::to_string(last));
}

// The ports of one word of mark_ports as matches, at most fifteen ports each.
std::vector<std::string> port_matches(const config::MarkPorts& marked) {
  if (marked.ranges.empty()) {
    return {""};
  }
  if (marked.ranges.size() == 1) {
    return {" -m " + marked.protocol + " --dport " + port_text(marked.ranges[0])};
  }
  std::vector<std::string> matches;
  size_t used = kMultiportMax;
  for (const auto& range : marked.ranges) {
    const size_t takes = range.first == range.second ? 1 : 2;
    if (used + takes > kMultiportMax) {
      matches.push_back(" -m multiport --dports " + port_text(range));
      used = takes;
      continue;
    }
    matches.back() += "," + port_text(range);
    used += takes;
  }
  return matches;
}

bool sets_marks(const config::VirtualService& service, Family family) {
  return service.in_use() && service.fwmark != 0 && service.address &&
         service.address->address.family() == family && !service.address->address.is_unspecified();
}

// Lines of a text, each with its line end, so that joining them gives the text back.
std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const size_t length = end == std::string_view::npos ? text.size() : end + 1;
    lines.push_back(text.substr(0, length));
    text.remove_prefix(length);
  }
  return lines;
}

std::string_view trimmed(std::string_view line) {
  const size_t first = line.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) {
    return {};
  }
  return line.substr(first, line.find_last_not_of(" \t\r\n") - first + 1);
}

// A rule line without its counters ("[12:3456] -A ...").
std::string_view rule_of(std::string_view line) {
  line = trimmed(line);
  const size_t counters = line.starts_with('[') ? line.find(']') : std::string_view::npos;
  return counters == std::string_view::npos ? line : trimmed(line.substr(counters + 1));
}

bool is_our_chain(std::string_view line) {
  return trimmed(line).starts_with(":LVS ");
}
bool is_our_rule(std::string_view line) {
  return rule_of(line).starts_with("-A LVS ");
}
bool is_our_jump(std::string_view line) {
  return rule_of(line) == kJump;
}
bool is_ours(std::string_view line) {
  return is_our_chain(line) || is_our_rule(line) || is_our_jump(line);
}

// Walks a text in iptables-save's format and says which lines stand inside its mangle tables.
template <typename Visit>
void for_each_line(const std::vector<std::string_view>& lines, Visit visit) {
  bool in_mangle = false;
  for (size_t i = 0; i < lines.size(); ++i) {
    const std::string_view line = trimmed(lines[i]);
    const bool opens = line.starts_with('*');
    if (opens) {
      in_mangle = line == "*mangle";
    }
    visit(i, lines[i], in_mangle);
    if (line == "COMMIT") {
      in_mangle = false;
    }
  }
}

std::string without_ours(std::string_view saved) {
  const auto lines = lines_of(saved);
  std::vector<bool> kept(lines.size(), true);
  for_each_line(lines, [&](size_t i, std::string_view line, bool in_mangle) {
    kept[i] = !(in_mangle && is_ours(line));
  });
  // A table that we added and that holds nothing else now.
  for (size_t i = 0; i + 1 < lines.size(); ++i) {
    if (trimmed(lines[i]) != kAddedTable || trimmed(lines[i + 1]) != "*mangle") {
      continue;
    }
    size_t end = i + 2;
    while (end < lines.size() && !kept[end]) {
      ++end;
    }
    if (end < lines.size() && trimmed(lines[end]) == "COMMIT") {
      std::fill(kept.begin() + i, kept.begin() + end + 1, false);
    }
  }
  std::string text;
  for (size_t i = 0; i < lines.size(); ++i) {
    text += kept[i] ? lines[i] : std::string_view();
  }
  return text;
}

constexpr size_t kNowhere = std::string_view::npos;

struct MangleTable {
  size_t declarations_end = kNowhere;  // The line behind its header and ":CHAIN" lines.
  size_t commit = kNowhere;
};

// Of several mangle tables the last one counts: each empties the one before.
MangleTable last_mangle_table(const std::vector<std::string_view>& lines) {
  MangleTable table;
  for_each_line(lines, [&](size_t i, std::string_view line, bool in_mangle) {
    const std::string_view text = trimmed(line);
    if (!in_mangle) {
      return;
    }
    if (text.starts_with('*')) {
      table.commit = kNowhere;
    }
    if (text.starts_with('*') || text.starts_with(':')) {
      table.declarations_end = i + 1;
    }
    if (text == "COMMIT") {
      table.commit = i;
    }
  });
  return table;
}

std::string chain_and_jump(const MarkLines& wanted) {
  std::string text = std::string(kJump) + "\n";
  for (const auto& line : wanted) {
    text += line + "\n";
  }
  return text;
}

struct RunningState {
  bool has_chain = false;
  bool used_by_others = false;
  int jumps = 0;
  MarkLines rules;
};

RunningState running_state(std::string_view running) {
  RunningState state;
  for_each_line(lines_of(running), [&](size_t, std::string_view line, bool in_mangle) {
    if (!in_mangle) {
      return;
    }
    const std::string rule(rule_of(line));
    state.has_chain = state.has_chain || is_our_chain(line);
    if (is_our_jump(line)) {
      ++state.jumps;
    } else if (is_our_rule(line)) {
      state.rules.push_back(rule);
    } else if ((rule + " ").find(" LVS ") != std::string::npos) {
      state.used_by_others = true;
    }
  });
  return state;
}

// Words of a rule; a comment in double quotes is one word.
std::vector<std::string> words_of(std::string_view rule) {
  std::vector<std::string> words(1);
  bool quoted = false;
  for (size_t i = 0; i < rule.size(); ++i) {
    const char c = rule[i];
    if (c == '\\' && quoted && i + 1 < rule.size()) {
      words.back() += rule[++i];
    } else if (c == '"') {
      quoted = !quoted;
    } else if (c == ' ' && !quoted) {
      words.emplace_back();
    } else {
      words.back() += c;
    }
  }
  return words;
}

std::optional<uint32_t> number_of(std::string_view text) {
  int base = 10;
  if (text.starts_with("0x") || text.starts_with("0X")) {
    text.remove_prefix(2);
    base = 16;
  }
  uint32_t value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  return failed == std::errc{} && end != text.data() ? std::optional(value) : std::nullopt;
}

std::vector<std::pair<uint16_t, uint16_t>> ports_of(std::string_view list) {
  std::vector<std::pair<uint16_t, uint16_t>> ports;
  while (!list.empty()) {
    const std::string_view part = list.substr(0, list.find(','));
    list.remove_prefix(std::min(list.size(), part.size() + 1));
    const size_t colon = part.find(':');
    const auto first = number_of(part.substr(0, colon));
    const auto last = colon == std::string_view::npos ? first : number_of(part.substr(colon + 1));
    if (first && last) {
      ports.emplace_back(*first, *last);
    }
  }
  return ports;
}

// What the value behind `--set-xmark` or `--set-mark` sets: "0x50/0xffffffff", "80".
std::optional<uint32_t> mark_of(std::string_view value) {
  return number_of(value.substr(0, value.find('/')));
}

std::optional<MarkSetter> read_setter(std::string_view line) {
  MarkSetter setter;
  setter.line = std::string(rule_of(line));
  const auto words = words_of(setter.line);
  bool sets = false;
  bool negated = false;
  for (size_t i = 0; i + 1 < words.size(); ++i) {
    const std::string& option = words[i];
    const std::string& value = words[i + 1];
    if (option == "-A") {
      setter.chain = value;
    } else if (option == "-d" && !negated) {
      setter.destination = value;
    } else if (option == "-p" && !negated) {
      setter.protocol = value;
    } else if (option == "--dport" || option == "--dports") {
      setter.ports = ports_of(value);
    } else if (option == "-j") {
      sets = value == "MARK";
    } else if (option == "--set-xmark" || option == "--set-mark") {
      setter.mark = mark_of(value).value_or(0);
    }
    negated = option == "!";
  }
  return sets && setter.mark != 0 ? std::optional(std::move(setter)) : std::nullopt;
}

// Packets from clients come through PREROUTING and what it jumps to, never through the other
// built-in chains.
bool is_on_the_way_in(const std::string& chain) {
  return chain != "OUTPUT" && chain != "POSTROUTING" && chain != "FORWARD" && chain != "INPUT";
}

bool covers(const std::string& destination, const Address& address) {
  if (destination.empty()) {
    return true;
  }
  const size_t slash = destination.find('/');
  const auto network = Address::parse(destination.substr(0, slash));
  if (!network || network->family() != address.family()) {
    return false;
  }
  unsigned prefix = address.is_v4() ? 32 : 128;
  if (slash != std::string::npos) {
    const std::string length = destination.substr(slash + 1);
    const auto mask = Address::parse(length);
    prefix = mask ? prefix_of_netmask(*mask).value_or(0) : number_of(length).value_or(prefix);
  }
  return network->masked(prefix) == address.masked(prefix);
}

bool marks_for(const MarkSetter& setter, const config::VirtualService& service) {
  const bool anywhere = !service.address || service.address->address.is_unspecified();
  return setter.mark == service.fwmark &&
         (anywhere || covers(setter.destination, service.address->address));
}

bool has_active_mark(const config::VirtualService& service) {
  return service.in_use() && service.fwmark != 0;
}

}  // namespace

MarkLines mark_lines(const config::Config& config, Family family) {
  MarkLines lines;
  for (const auto& service : config.virtuals) {
    if (!sets_marks(service, family)) {
      continue;
    }
    const Address& address = service.address->address;
    const std::string destination = to_string(address) + (address.is_v4() ? "/32" : "/128");
    for (const auto& marked : service.mark_ports) {
      for (const auto& match : port_matches(marked)) {
        lines.push_back("-A LVS -d " + destination + " -p " + marked.protocol + match +
                        " -j MARK --set-xmark " + hexadecimal(service.fwmark) + "/0xffffffff");
      }
    }
  }
  return lines;
}

std::string restore_script(std::string_view running, const MarkLines& wanted) {
  const RunningState state = running_state(running);
  const int wanted_jumps = wanted.empty() ? 0 : 1;
  const bool chain_stays = !wanted.empty() || state.used_by_others;
  if (state.rules == wanted && state.jumps == wanted_jumps && (chain_stays || !state.has_chain)) {
    return "";
  }
  // With --noflush a declared chain of our own is emptied first, all others stay.
  std::string script = "*mangle\n:LVS - [0:0]\n";
  for (int extra = state.jumps - wanted_jumps; extra > 0; --extra) {
    script += "-D PREROUTING -j LVS\n";
  }
  if (state.jumps < wanted_jumps) {
    script += std::string(kJump) + "\n";
  }
  for (const auto& line : wanted) {
    script += line + "\n";
  }
  script += chain_stays ? "" : "-X LVS\n";
  return script + "COMMIT\n";
}

Result<std::string> splice(std::string_view saved, const MarkLines& wanted) {
  const std::string foreign = without_ours(saved);
  if (wanted.empty()) {
    return foreign;
  }
  const auto lines = lines_of(foreign);
  const MangleTable table = last_mangle_table(lines);
  if (table.declarations_end == kNowhere) {
    return std::string(kAddedTable) + "\n*mangle\n:LVS - [0:0]\n" + chain_and_jump(wanted) +
           "COMMIT\n" + foreign;
  }
  if (table.commit == kNowhere) {
    return Error{EINVAL, "the mangle table has no COMMIT"};
  }
  std::string text;
  for (size_t i = 0; i < lines.size(); ++i) {
    text += i == table.declarations_end ? ":LVS - [0:0]\n" : "";
    text += i == table.commit ? chain_and_jump(wanted) : "";
    text += lines[i];
  }
  return text;
}

std::vector<MarkSetter> mark_setters(std::string_view running) {
  std::vector<MarkSetter> setters;
  for_each_line(lines_of(running), [&](size_t, std::string_view line, bool in_mangle) {
    auto setter = in_mangle && rule_of(line).starts_with("-A ") ? read_setter(line) : std::nullopt;
    if (setter && is_on_the_way_in(setter->chain)) {
      setters.push_back(*std::move(setter));
    }
  });
  return setters;
}

std::optional<MarkSetter> own_setter_for(std::string_view running, std::string_view protocol,
                                         const Address& address, uint16_t port) {
  std::optional<MarkSetter> last;
  if (running_state(running).jumps == 0) {
    return last;
  }
  for (auto& setter : mark_setters(running)) {
    const auto has_port = [port](const auto& range) {
      return range.first <= port && port <= range.second;
    };
    if (setter.chain == kMarkChain && setter.protocol == protocol &&
        covers(setter.destination, address) &&
        (setter.ports.empty() || std::any_of(setter.ports.begin(), setter.ports.end(), has_port))) {
      last = std::move(setter);
    }
  }
  return last;
}

MarkAnalysis analyse_marks(const config::Config& config, std::string_view running_v4,
                           std::string_view running_v6) {
  const std::vector<MarkSetter> by_family[] = {mark_setters(running_v4), mark_setters(running_v6)};
  MarkAnalysis analysis;
  for (const auto& service : config.virtuals) {
    const bool ipv4 = !service.address || service.address->address.is_v4();
    const auto& setters = by_family[ipv4 ? 0 : 1];
    const bool is_set = std::any_of(setters.begin(), setters.end(),
                                    [&](const auto& setter) { return marks_for(setter, service); });
    if (has_active_mark(service) && !is_set) {
      analysis.services_without_rule.push_back(service.name + " (fwmark " +
                                               std::to_string(service.fwmark) + ")");
    }
  }
  for (const auto& setters : by_family) {
    for (const auto& setter : setters) {
      const bool wanted =
          std::any_of(config.virtuals.begin(), config.virtuals.end(),
                      [&](const auto& s) { return has_active_mark(s) && marks_for(setter, s); });
      if (!wanted) {
        analysis.rules_without_service.push_back(setter);
      }
    }
  }
  return analysis;
}

MarkWarnings mark_warnings(const config::Config& config, std::string_view running_v4,
                           std::string_view running_v6) {
  MarkWarnings warnings;
  if (!has_marks(config)) {
    return warnings;
  }
  const MarkAnalysis analysis = analyse_marks(config, running_v4, running_v6);
  for (const auto& service : analysis.services_without_rule) {
    warnings.push_back(service +
                       ": no iptables rule sets the mark, so no packet reaches it: give " +
                       "it mark_ports, or set a rule");
  }
  for (const auto& rule : analysis.rules_without_service) {
    warnings.push_back("no active service has the fwmark " + std::to_string(rule.mark) +
                       " that is set by: " + rule.line);
  }
  return warnings;
}

bool has_marks(const config::Config& config) {
  return std::any_of(config.virtuals.begin(), config.virtuals.end(), has_active_mark);
}

bool has_same_marks(const config::Config& a, const config::Config& b) {
  const auto said_by = [](const config::Config& config) {
    std::vector<const config::VirtualService*> services;
    for (const auto& service : config.virtuals) {
      if (has_active_mark(service)) {
        services.push_back(&service);
      }
    }
    return services;
  };
  const auto before = said_by(a);
  const auto after = said_by(b);
  return std::equal(before.begin(), before.end(), after.begin(), after.end(),
                    [](const auto* one, const auto* other) {
                      return one->name == other->name && one->fwmark == other->fwmark &&
                             one->address == other->address && one->mark_ports == other->mark_ports;
                    });
}

std::string iptables_advice(std::string_view said) {
  if (said.find("Failed to initialize nft") == std::string_view::npos) {
    return {};
  }
  return "this kernel has no nf_tables; iptables-legacy may do, on Debian: update-alternatives "
         "--set iptables /usr/sbin/iptables-legacy, and the same for ip6tables";
}

}  // namespace lvs::lvsd
