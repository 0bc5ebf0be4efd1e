#include "tools/lvsadm/save_restore.h"

#include <algorithm>
#include <sstream>

#include "tools/lvsadm/values.h"

namespace lvs::lvsadm {
namespace {

using namespace ipvs;

std::string service_option(const ServiceKey& key, const Names& names) {
  if (const auto* mark = std::get_if<MarkKey>(&key)) {
    return "-f " + std::to_string(mark->mark) + (mark->family == Family::v6 ? " -6" : "");
  }
  const auto& address = std::get<AddressKey>(key);
  const std::string place =
      names.endpoint(address.address, address.port, static_cast<uint8_t>(address.protocol));
  switch (address.protocol) {
    case Protocol::tcp:
      return "-t " + place;
    case Protocol::udp:
      return "-u " + place;
    case Protocol::sctp:
      return "--sctp-service " + place;
  }
  return {};
}

std::string mask_option(const ServiceStatus& status) {
  const unsigned prefix = status.service.prefix;
  if (family_of(status.key) == Family::v6) {
    return prefix == 128 ? "" : " -M " + std::to_string(prefix);
  }
  const Address mask = Address::v4(prefix == 0 ? 0 : ~0U << (32 - prefix));
  return prefix == 32 ? "" : " -M " + to_string(mask);
}

std::string service_line(const ServiceStatus& status, const Names& names) {
  const Service& s = status.service;
  std::string line = "-A " + service_option(status.key, names) + " -s " + s.scheduler;
  if ((s.flags & kPersistent) != 0) {
    line += " -p " + std::to_string(s.timeout) + mask_option(status);
  }
  if (!s.persistence_engine.empty()) {
    line += " --pe " + s.persistence_engine;
  }
  if ((s.flags & kOnePacket) != 0) {
    line += " -o";
  }
  const std::string flags = scheduler_flag_names(s.flags, s.scheduler);
  return line + (flags.empty() ? "" : " -b " + flags) + "\n";
}

std::string tunnel_options(const Dest& dest) {
  constexpr const char* kChecksums[] = {" --tun-nocsum", " --tun-csum", " --tun-remcsum"};
  const std::string checksum = kChecksums[std::min<uint16_t>(dest.tunnel_flags, 2)];
  switch (dest.tunnel_type) {
    case TunnelType::ipip:
      return " --tun-type ipip";
    case TunnelType::gue:
      return " --tun-type gue --tun-port " + std::to_string(dest.tunnel_port) + checksum;
    case TunnelType::gre:
      return " --tun-type gre" + checksum;
  }
  return {};
}

std::string dest_line(const ServiceStatus& service, const DestStatus& status, const Names& names) {
  const Dest& d = status.dest;
  const auto* address = std::get_if<AddressKey>(&service.key);
  const uint8_t protocol = address == nullptr ? 0 : static_cast<uint8_t>(address->protocol);
  std::string line = "-a " + service_option(service.key, names) + " -r " +
                     names.endpoint(status.key.address, status.key.port, protocol);
  line += d.forward == Forward::masq ? " -m" : d.forward == Forward::tunnel ? " -i" : " -g";
  line += " -w " + std::to_string(d.weight);
  // ipvsadm forgets the thresholds here; a table restored without them would overload its servers.
  if (d.upper_threshold != 0) {
    line += " -x " + std::to_string(d.upper_threshold);
  }
  if (d.lower_threshold != 0) {
    line += " -y " + std::to_string(d.lower_threshold);
  }
  return line + (d.forward == Forward::tunnel ? tunnel_options(d) : "") + "\n";
}

std::vector<std::string> words_of(const std::string& line) {
  std::istringstream stream(line);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) {
    words.push_back(word);
  }
  if (!words.empty() && (words.front() == "ipvsadm" || words.front() == "lvsadm")) {
    words.erase(words.begin());
  }
  return words;
}

}  // namespace

std::string save(const std::vector<ListedService>& table, const Names& names) {
  std::string text;
  for (const auto& [service, dests] : table) {
    text += service_line(service, names);
    for (const DestStatus& dest : dests) {
      text += dest_line(service, dest, names);
    }
  }
  return text;
}

RestorePlan read_restore(const std::string& input, const Resolver& resolver) {
  RestorePlan plan;
  std::istringstream stream(input);
  int number = 0;
  for (std::string line; std::getline(stream, line);) {
    ++number;
    const std::vector<std::string> words = words_of(line);
    if (words.empty() || words.front().starts_with('#')) {
      continue;
    }
    const auto parsed = parse(words, resolver);
    if (const auto* error = std::get_if<UsageError>(&parsed)) {
      plan.errors.push_back({number, error->text});
      continue;
    }
    const auto* change = std::get_if<Change>(&std::get<Command>(parsed).what);
    if (change == nullptr) {
      plan.errors.push_back({number, "only commands that change the table can be restored"});
      continue;
    }
    plan.lines.push_back({number, change->request});
  }
  return plan;
}

}  // namespace lvs::lvsadm
