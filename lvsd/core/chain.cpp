#include "lvsd/core/chain.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "common/ipvs/capabilities.h"
#include "lvsd/bpf/abi.h"

namespace lvs::core {

namespace {

enum SetId : size_t { kMarks, kServices, kAnyPort, kFtp, kSources, kAnySources, kDevices, kSets };

// `A` stands for the type of the family's addresses.
struct Set {
  const char* name;
  const char* type;
};
constexpr std::array<Set, kSets> kSetTypes{{
    {"marks", "mark"},
    {"services", "A . inet_proto . inet_service"},
    {"any_port", "A . inet_proto"},
    {"ftp", "A"},
    {"sources", "A . inet_proto . inet_service"},
    {"any_sources", "A"},
    {"attached", "iface_index"},
}};

// What differs between the tables of the two families.
struct FamilyTable {
  Family family;
  const char* name;
  const char* address_type;
  const char* ip;
  const char* copy;  // To devices.h: kCopiesTo4, kCopiesTo6.
  // No packet is so; a rule that could redirect one makes the kernel put fragments together.
  const char* never;
};

constexpr std::array<FamilyTable, 2> kTables{{
    {Family::v4, "ip lvs", "ipv4_addr", "ip", R"(dup to 192.0.2.254 device "ipvs0" drop)",
     "meta l4proto tcp ip saddr 0.0.0.0 ip daddr 0.0.0.0"},
    {Family::v6, "ip6 lvs", "ipv6_addr", "ip6", R"(dup to fe80::2 device "ipvs0" drop)",
     "meta l4proto tcp ip6 saddr ::1 ip6 daddr ::"},
}};

// Where the rules are. The base chains jump there while the core is armed.
constexpr const char* kCaughtInput = "caught_input";
constexpr const char* kCaughtForward = "caught_forward";

constexpr uint16_t kFtpPort = 21;
// Where a data connection to an FTP service may go: see lvsd/bpf/ftp.h.
constexpr const char* kFtpData = "tcp dport { 20, 1024-65535 }";

// What is shorter was hardly in fragments: no link that carries IP is smaller.
constexpr const char* kHardlyInFragments = "meta length <= 576";
constexpr const char* kMaybeInFragments = "meta l4proto udp meta length > 576 ";

// As nft writes a priority: two halves, hexadecimal.
std::string class_of(unsigned priority) {
  std::array<char, sizeof("ffff:ffff")> text{};
  std::snprintf(text.data(), text.size(), "%x:%x", priority >> 16, priority & 0xffff);
  return text.data();
}

struct Element {
  SetId set;
  std::string text;
};

std::string name_of(ipvs::Protocol protocol) {
  const auto* known = std::find_if(ipvs::kProtocols.begin(), ipvs::kProtocols.end(),
                                   [=](const auto& one) { return one.protocol == protocol; });
  return known->name;
}

std::vector<Element> elements_of(const ipvs::ServiceKey& key) {
  if (const auto* mark = std::get_if<ipvs::MarkKey>(&key)) {
    return {{kMarks, std::to_string(mark->mark)}};
  }
  const auto& by_address = std::get<ipvs::AddressKey>(key);
  const auto address = to_string(by_address.address);
  const auto text = address + " . " + name_of(by_address.protocol);
  if (by_address.port == 0) {
    return {{kAnyPort, text}};
  }
  std::vector<Element> elements{{kServices, text + " . " + std::to_string(by_address.port)}};
  if (by_address.port == kFtpPort && by_address.protocol == ipvs::Protocol::tcp) {
    elements.push_back({kFtp, address});
  }
  return elements;
}

Element element_of(const ReplySource& source) {
  const auto text = to_string(source.address);
  return source.port == 0 ? Element{kAnySources, text}
                          : Element{kSources, text + " . " + name_of(source.protocol) + " . " +
                                                  std::to_string(source.port)};
}

std::string command(const std::string& verb, const FamilyTable& table, const Caught& caught) {
  std::array<std::string, kSets> lists;
  const auto list = [&](const Element& element) {
    auto& of_set = lists[element.set];
    of_set += (of_set.empty() ? "" : ", ") + element.text;
  };
  for (const auto& key : caught.services) {
    if (family_of(key) == table.family) {
      for (const auto& element : elements_of(key)) {
        list(element);
      }
    }
  }
  for (const auto& source : caught.sources) {
    if (source.address.family() == table.family) {
      list(element_of(source));
    }
  }
  for (const int device : caught.devices) {
    list({kDevices, std::to_string(device)});
  }
  std::string script;
  for (size_t i = 0; i < kSets; ++i) {
    if (!lists[i].empty()) {
      script +=
          verb + " element " + table.name + " " + kSetTypes[i].name + " { " + lists[i] + " }\n";
    }
  }
  return script;
}

std::string rules_of(const FamilyTable& table, const char* chain,
                     const std::vector<std::string>& rules) {
  std::string script;
  for (const auto& rule : rules) {
    script += "add rule " + std::string(table.name) + " " + chain + " " + rule + "\n";
  }
  return script;
}

std::array<std::string, 2> replies_of(const FamilyTable& table) {
  const std::string from = std::string(table.ip) + " saddr";
  return {from + " . meta l4proto . th sport @sources", from + " @any_sources"};
}

// Replies to the director itself are caught at their device, unless they are in fragments.
std::string input_rules(const FamilyTable& table) {
  const std::string to = std::string(table.ip) + " daddr";
  std::vector<std::string> rules{"meta priority " + class_of(LVS_PRIORITY_LOCAL) + " accept",
                                 "meta mark " + std::to_string(LVS_MARK_LOCAL) + " accept",
                                 "iif \"ipvs0\" accept",
                                 "iif \"ipvs1\" drop",
                                 "meta l4proto != { tcp, udp, sctp } accept",
                                 "th sport 20 accept"};
  const std::string expected = "meta priority " + class_of(LVS_PRIORITY_EXPECTED) + " ";
  if (table.family == Family::v4) {
    rules.push_back(expected + "ip frag-off & 0x4000 == 0 meta priority set " +
                    class_of(LVS_PRIORITY_MAY_FRAGMENT) + " " + table.copy);
  }
  rules.push_back(expected + table.copy);
  if (table.family == Family::v4) {
    rules.push_back("ip frag-off & 0x4000 == 0 meta priority set " +
                    class_of(LVS_PRIORITY_MAY_FRAGMENT));
  }
  rules.insert(rules.end(), {std::string("meta mark @marks ") + table.copy,
                             to + " . meta l4proto . th dport @services " + table.copy,
                             to + " @ftp " + kFtpData + " " + table.copy,
                             to + " . meta l4proto @any_port " + table.copy});
  for (const auto& reply : replies_of(table)) {
    rules.push_back(kMaybeInFragments + reply + " " + table.copy);
  }
  return rules_of(table, kCaughtInput, rules);
}

// What a real server sends on its own account, not as a reply, goes the same way: only what can be
// one is looked at.
std::string forward_rules(const FamilyTable& table, Tracking tracking) {
  std::vector<std::string> rules;
  if (!tracking.is_asked_for) {  // First, because most of what passes ends here.
    rules = {"iif @attached meta l4proto tcp accept",
             std::string("iif @attached ") + kHardlyInFragments + " accept"};
  }
  rules.insert(rules.end(), {"meta mark " + std::to_string(LVS_MARK_FORWARDED) + " accept",
                             "iif \"ipvs0\" accept", "meta l4proto != { tcp, udp, sctp } accept"});
  if (tracking.is_there && !tracking.is_asked_for) {
    rules.insert(rules.end(), {"ct status snat accept", "ct status dnat accept"});
  }
  for (const auto& reply : replies_of(table)) {
    rules.push_back(reply + " meta priority set " + class_of(LVS_PRIORITY_FORWARDED));
    if (table.family == Family::v4) {
      rules.push_back(reply + " ip frag-off & 0x4000 == 0 meta priority set " +
                      class_of(LVS_PRIORITY_FORWARDED_MAY_FRAGMENT));
    }
    rules.push_back(reply + " " + table.copy);
  }
  return rules_of(table, kCaughtForward, rules);
}

std::string base_chain(const FamilyTable& table, const char* name, const char* hook) {
  return std::string("add chain ") + table.name + " " + name + " { type filter hook " + hook +
         "; policy accept; }\n";
}

std::string emptied(const FamilyTable& table, const char* chain) {
  return std::string("flush chain ") + table.name + " " + chain + "\n";
}

std::string jumps(const FamilyTable& table) {
  return rules_of(table, "input", {std::string("jump ") + kCaughtInput}) +
         rules_of(table, "forward", {std::string("jump ") + kCaughtForward});
}

std::string prerouting_of(const FamilyTable& table, bool catches, Prerouting does) {
  std::vector<std::string> rules;
  if (does.untracks) {
    rules = {"iif != \"ipvs0\" accept",
             "meta mark " + std::to_string(LVS_MARK_TRACKED) + " meta mark set 0 accept",
             "notrack"};
  }
  if (does.defragments && catches) {
    rules.push_back(std::string(table.never) + " tproxy to :1");
  }
  return base_chain(table, "prerouting", "prerouting priority -300") +
         emptied(table, "prerouting") + rules_of(table, "prerouting", rules);
}

std::string table_script(const FamilyTable& table, const Caught& caught, Tracking tracking) {
  std::string script = "add table " + std::string(table.name) + "\n" +
                       base_chain(table, "input", "input priority 100") +
                       base_chain(table, "forward", "forward priority 100");
  for (const char* chain : {kCaughtInput, kCaughtForward}) {
    script += std::string("add chain ") + table.name + " " + chain + "\n" + emptied(table, chain);
  }
  for (const auto& set : kSetTypes) {
    std::string type = set.type;
    if (type[0] == 'A') {
      type.replace(0, 1, table.address_type);
    }
    const std::string of_table = std::string(table.name) + " " + set.name;
    script += "add set " + of_table + " { type " + type + "; }\nflush set " + of_table + "\n";
  }
  return script + command("add", table, caught) + input_rules(table) +
         forward_rules(table, tracking);
}

// One script of those of the families that are balanced.
template <typename ScriptOf>
std::string of_tables(bool has_ipv6, ScriptOf script_of) {
  const std::string ipv4 = script_of(kTables[0]);
  return has_ipv6 ? ipv4 + script_of(kTables[1]) : ipv4;
}

}  // namespace

bool Caught::has_ipv6() const {
  return std::any_of(services.begin(), services.end(),
                     [](const auto& key) { return family_of(key) == Family::v6; });
}

std::string chain_script(const Caught& caught, Tracking tracking) {
  return of_tables(caught.has_ipv6(),
                   [&](const FamilyTable& table) { return table_script(table, caught, tracking); });
}

std::string arming_script(bool has_ipv6, bool catches, Prerouting does) {
  return of_tables(has_ipv6, [&](const FamilyTable& table) {
    return emptied(table, "input") + emptied(table, "forward") + (catches ? jumps(table) : "") +
           prerouting_of(table, catches, does);
  });
}

std::string devices_script(const std::vector<int>& devices, bool has_ipv6) {
  return of_tables(has_ipv6, [&](const FamilyTable& table) {
    return "flush set " + std::string(table.name) + " attached\n" +
           command("add", table, {.devices = devices});
  });
}

std::string chain_change(const Caught& added, const Caught& gone) {
  std::string script;
  for (const auto& table : kTables) {
    script += command("delete", table, gone) + command("add", table, added);
  }
  return script;
}

std::string chain_removal(Family family) {
  const std::string name = kTables[family == Family::v4 ? 0 : 1].name;
  return "add table " + name + "\ndelete table " + name + "\n";
}

}  // namespace lvs::core
