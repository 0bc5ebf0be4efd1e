#include "lvsd/core/chain.h"

namespace lvs::core {

namespace {

// The next hop of the copies. It only has to route out of ipvs0, which answers no ARP: any address
// that is nobody's does, and this one is of the block for documentation.
constexpr const char* kCopy = R"(dup to 192.0.2.254 device "ipvs0" drop)";

std::string set_of(const std::string& name, const std::string& type,
                   const std::vector<std::string>& elements) {
  std::string text = "  set " + name + " {\n    type " + type + "\n";
  if (!elements.empty()) {
    text += "    elements = { ";
    for (size_t i = 0; i < elements.size(); ++i) {
      text += (i == 0 ? "" : ", ") + elements[i];
    }
    text += " }\n";
  }
  return text + "  }\n";
}

std::string protocol_name(ipvs::Protocol protocol) {
  return protocol == ipvs::Protocol::tcp ? "tcp" : "udp";
}

}  // namespace

std::string chain_script(const std::vector<ipvs::ServiceKey>& services, bool catches) {
  std::vector<std::string> marks;
  std::vector<std::string> ports;
  std::vector<std::string> any_port;
  for (const auto& key : services) {
    if (const auto* mark = std::get_if<ipvs::MarkKey>(&key)) {
      marks.push_back(std::to_string(mark->mark));
      continue;
    }
    const auto& by_address = std::get<ipvs::AddressKey>(key);
    const auto element = to_string(by_address.address) + " . " + protocol_name(by_address.protocol);
    if (by_address.port == 0) {
      any_port.push_back(element);
    } else {
      ports.push_back(element + " . " + std::to_string(by_address.port));
    }
  }
  std::string script = chain_removal();
  script += "table ip lvs {\n";
  script += set_of("marks", "mark;", marks);
  script += set_of("services", "ipv4_addr . inet_proto . inet_service;", ports);
  script += set_of("any_port", "ipv4_addr . inet_proto;", any_port);
  script += "  chain input {\n    type filter hook input priority 100; policy accept;\n";
  if (catches) {
    script +=
        "    iif \"lo\" accept\n"
        "    iifname \"ipvs1\" drop\n"
        "    meta l4proto != { tcp, udp } accept\n"
        "    th sport 20 accept\n"
        "    tcp flags & (syn | rst) != syn accept\n";
    script += std::string("    meta mark @marks ") + kCopy + "\n";
    script += std::string("    ip daddr . meta l4proto . th dport @services ") + kCopy + "\n";
    script += std::string("    ip daddr . meta l4proto @any_port ") + kCopy + "\n";
  }
  return script + "  }\n}\n";
}

std::string chain_removal() {
  return "add table ip lvs\ndelete table ip lvs\n";
}

}  // namespace lvs::core
