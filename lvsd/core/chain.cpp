#include "lvsd/core/chain.h"

#include <array>
#include <cstdio>

#include "lvsd/bpf/abi.h"

namespace lvs::core {

namespace {

// The next hop of the copies. It only has to route out of ipvs0, which answers no ARP: any address
// that is nobody's does, and this one is of the block for documentation.
constexpr const char* kCopy = R"(dup to 192.0.2.254 device "ipvs0" drop)";

struct Set {
  const char* name;
  const char* type;
  const char* packet;  // What of a packet is looked up in it.
};

constexpr std::array<Set, 3> kSets{{
    {"marks", "mark", "meta mark"},
    {"services", "ipv4_addr . inet_proto . inet_service", "ip daddr . meta l4proto . th dport"},
    {"any_port", "ipv4_addr . inet_proto", "ip daddr . meta l4proto"},
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

std::string command(const std::string& verb, const std::vector<ipvs::ServiceKey>& services) {
  std::array<std::string, kSets.size()> lists;
  for (const auto& key : services) {
    const auto element = element_of(key);
    auto& list = lists[element.set];
    list += (list.empty() ? "" : ", ") + element.text;
  }
  std::string script;
  for (size_t i = 0; i < kSets.size(); ++i) {
    if (!lists[i].empty()) {
      script += verb + " element ip lvs " + kSets[i].name + " { " + lists[i] + " }\n";
    }
  }
  return script;
}

}  // namespace

std::string chain_script(const std::vector<ipvs::ServiceKey>& services, bool catches) {
  std::string script =
      "add table ip lvs\n"
      "add chain ip lvs input { type filter hook input priority 100; policy accept; }\n"
      "flush chain ip lvs input\n";
  for (const auto& set : kSets) {
    const std::string name = std::string("set ip lvs ") + set.name;
    script += "add " + name + " { type " + set.type + "; }\nflush " + name + "\n";
  }
  script += command("add", services);
  if (!catches) {
    return script;
  }
  const std::string rule = "add rule ip lvs input ";
  for (const auto& passes :
       {"meta priority " + class_of(LVS_PRIORITY_LOCAL) + " accept",
        "meta mark " + std::to_string(LVS_MARK_LOCAL) + " accept", std::string("iif \"lo\" accept"),
        std::string("iifname \"ipvs1\" drop"), std::string("meta l4proto != { tcp, udp } accept"),
        std::string("th sport 20 accept"),
        "ip frag-off & 0x4000 == 0 meta priority set " + class_of(LVS_PRIORITY_MAY_FRAGMENT)}) {
    script += rule + passes + "\n";
  }
  for (const auto& set : kSets) {
    script += rule + set.packet + " @" + set.name + " " + kCopy + "\n";
  }
  return script;
}

std::string chain_change(const std::vector<ipvs::ServiceKey>& added,
                         const std::vector<ipvs::ServiceKey>& gone) {
  return command("delete", gone) + command("add", added);
}

std::string chain_removal() {
  return "add table ip lvs\ndelete table ip lvs\n";
}

}  // namespace lvs::core
