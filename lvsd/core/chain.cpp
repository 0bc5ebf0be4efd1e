#include "lvsd/core/chain.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "lvsd/bpf/abi.h"

namespace lvs::core {

namespace {

struct Set {
  const char* name;
  const char* type;    // Behind the address, if any.
  const char* packet;  // What of a packet is looked up in it, likewise.
  bool has_address;
};

constexpr std::array<Set, 3> kSets{{
    {"marks", "mark", "meta mark", false},
    {"services", " . inet_proto . inet_service", " . meta l4proto . th dport", true},
    {"any_port", " . inet_proto", " . meta l4proto", true},
}};

// What differs between the tables of the two families.
struct Table {
  Family family;
  const char* name;
  const char* address_type;
  const char* address;
  // The next hop of the copies only has to route out of ipvs0, which resolves no neighbours. IPv4:
  // any address that is nobody's, this one is of the block for documentation. IPv6: devices.h.
  const char* copy;
};

constexpr std::array<Table, 2> kTables{{
    {Family::v4, "ip lvs", "ipv4_addr", "ip daddr", R"(dup to 192.0.2.254 device "ipvs0" drop)"},
    {Family::v6, "ip6 lvs", "ipv6_addr", "ip6 daddr", R"(dup to fe80::2 device "ipvs0" drop)"},
}};

// As nft writes a priority: two halves, hexadecimal.
std::string class_of(unsigned priority) {
  std::array<char, sizeof("ffff:ffff")> text{};
  std::snprintf(text.data(), text.size(), "%x:%x", priority >> 16, priority & 0xffff);
  return text.data();
}

struct Element {
  size_t set;
  std::string text;
};

Element element_of(const ipvs::ServiceKey& key) {
  if (const auto* mark = std::get_if<ipvs::MarkKey>(&key)) {
    return {0, std::to_string(mark->mark)};
  }
  const auto& by_address = std::get<ipvs::AddressKey>(key);
  const char* protocol = by_address.protocol == ipvs::Protocol::tcp ? "tcp" : "udp";
  const auto text = to_string(by_address.address) + " . " + protocol;
  if (by_address.port == 0) {
    return {2, text};
  }
  return {1, text + " . " + std::to_string(by_address.port)};
}

std::string command(const std::string& verb, const Table& table,
                    const std::vector<ipvs::ServiceKey>& services) {
  std::array<std::string, kSets.size()> lists;
  for (const auto& key : services) {
    if (family_of(key) != table.family) {
      continue;
    }
    const auto element = element_of(key);
    auto& list = lists[element.set];
    list += (list.empty() ? "" : ", ") + element.text;
  }
  std::string script;
  for (size_t i = 0; i < kSets.size(); ++i) {
    if (!lists[i].empty()) {
      script += verb + " element " + table.name + " " + kSets[i].name + " { " + lists[i] + " }\n";
    }
  }
  return script;
}

std::string rules(const Table& table) {
  std::vector<std::string> rules{"meta priority " + class_of(LVS_PRIORITY_LOCAL) + " accept",
                                 "meta mark " + std::to_string(LVS_MARK_LOCAL) + " accept",
                                 "iif \"lo\" accept",
                                 "iifname \"ipvs1\" drop",
                                 "meta l4proto != { tcp, udp } accept",
                                 "th sport 20 accept"};
  if (table.family == Family::v4) {
    rules.push_back("ip frag-off & 0x4000 == 0 meta priority set " +
                    class_of(LVS_PRIORITY_MAY_FRAGMENT));
  }
  for (const auto& set : kSets) {
    const std::string packet = set.has_address ? std::string(table.address) + set.packet : set.packet;
    rules.push_back(packet + " @" + set.name + " " + table.copy);
  }
  std::string script;
  for (const auto& rule : rules) {
    script += "add rule " + std::string(table.name) + " input " + rule + "\n";
  }
  return script;
}

std::string table_script(const Table& table, const std::vector<ipvs::ServiceKey>& services,
                         bool catches) {
  const std::string name = table.name;
  std::string script = "add table " + name + "\nadd chain " + name +
                       " input { type filter hook input priority 100; policy accept; }\n" +
                       "flush chain " + name + " input\n";
  for (const auto& set : kSets) {
    const std::string type =
        set.has_address ? std::string(table.address_type) + set.type : set.type;
    const std::string of_table = name + " " + set.name;
    script += "add set " + of_table + " { type " + type + "; }\nflush set " + of_table + "\n";
  }
  script += command("add", table, services);
  return catches ? script + rules(table) : script;
}

}  // namespace

bool has_ipv6_services(const std::vector<ipvs::ServiceKey>& services) {
  return std::any_of(services.begin(), services.end(),
                     [](const auto& key) { return family_of(key) == Family::v6; });
}

std::string chain_script(const std::vector<ipvs::ServiceKey>& services, bool catches) {
  const std::string ipv4 = table_script(kTables[0], services, catches);
  return has_ipv6_services(services) ? ipv4 + table_script(kTables[1], services, catches) : ipv4;
}

std::string chain_change(const std::vector<ipvs::ServiceKey>& added,
                         const std::vector<ipvs::ServiceKey>& gone) {
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
