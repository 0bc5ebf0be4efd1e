#include "lvsd/io/ownership_record.h"

#include <unistd.h>

#include <array>
#include <charconv>
#include <optional>
#include <sstream>

#include "common/io/read_file.h"

namespace lvs::lvsd::io {
namespace {

std::string record_file(const std::string& dir, config::CoreKind core) {
  return dir + (core == config::CoreKind::kernel ? "/ip_vs" : "/services");
}

struct ProtocolWord {
  ipvs::Protocol protocol;
  const char* word;
};
constexpr std::array<ProtocolWord, 3> kProtocols{
    {{ipvs::Protocol::tcp, "tcp"}, {ipvs::Protocol::udp, "udp"}, {ipvs::Protocol::sctp, "sctp"}}};

std::string to_record(const ipvs::ServiceKey& key) {
  if (const auto* mark = std::get_if<ipvs::MarkKey>(&key)) {
    return "mark " + std::to_string(mark->mark) + (mark->family == Family::v4 ? " 4" : " 6");
  }
  const auto& service = std::get<ipvs::AddressKey>(key);
  std::string record = "tcp";
  for (const auto& [protocol, word] : kProtocols) {
    if (protocol == service.protocol) {
      record = word;
    }
  }
  return record + " " + to_string(service.address) + " " + std::to_string(service.port);
}

std::optional<ipvs::ServiceKey> from_record(const std::string& line) {
  std::istringstream words(line);
  std::string kind, name;
  uint32_t number = 0;
  if (!(words >> kind >> name >> number)) {
    return std::nullopt;
  }
  if (kind == "mark") {
    uint32_t mark = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), mark);
    if (error != std::errc{} || end != name.data() + name.size() || mark == 0 ||
        (number != 4 && number != 6)) {
      return std::nullopt;
    }
    return ipvs::MarkKey{mark, number == 4 ? Family::v4 : Family::v6};
  }
  const auto address = Address::parse(name);
  for (const auto& [protocol, word] : kProtocols) {
    if (kind == word && address && number <= UINT16_MAX) {
      return ipvs::AddressKey{protocol, *address, static_cast<uint16_t>(number)};
    }
  }
  return std::nullopt;
}

constexpr const char* kDaemonWord = "daemon";

std::string to_record(const ipvs::SyncDaemon& daemon) {
  const char* role = daemon.role == ipvs::DaemonRole::master ? "master" : "backup";
  return std::string(kDaemonWord) + " " + role + " " + daemon.interface + " " +
         std::to_string(daemon.sync_id);
}

std::optional<ipvs::SyncDaemon> daemon_from_record(const std::string& line) {
  std::istringstream words(line);
  std::string kind, role;
  ipvs::SyncDaemon daemon;
  if (!(words >> kind >> role >> daemon.interface >> daemon.sync_id) || kind != kDaemonWord ||
      (role != "master" && role != "backup")) {
    return std::nullopt;
  }
  daemon.role = role == "master" ? ipvs::DaemonRole::master : ipvs::DaemonRole::backup;
  return daemon;
}

constexpr const char* kDrainWord = "drain";

// "drain 10.0.0.2 80 UNTIL of tcp 192.0.2.1 80"; UNTIL in milliseconds of the suite's clock, which
// goes on until the machine is booted, as this file does.
std::string to_record(const ServerId& id, TimePoint until) {
  return std::string(kDrainWord) + " " + to_string(id.server.address) + " " +
         std::to_string(id.server.port) + " " +
         std::to_string(to_ms(until.time_since_epoch()).count()) + " of " + to_record(id.service);
}

std::optional<std::pair<ServerId, TimePoint>> drain_from_record(const std::string& line) {
  std::istringstream words(line);
  std::string kind, text, of, service;
  uint32_t port = 0;
  int64_t until_ms = 0;
  if (!(words >> kind >> text >> port >> until_ms >> of) || kind != kDrainWord ||
      port > UINT16_MAX || !std::getline(words, service)) {
    return std::nullopt;
  }
  const auto address = Address::parse(text);
  const auto key = from_record(service);
  if (!address || !key) {
    return std::nullopt;
  }
  return std::pair(ServerId{*key, {*address, static_cast<uint16_t>(port)}},
                   TimePoint(std::chrono::milliseconds(until_ms)));
}

}  // namespace

Owned load_owned(const std::string& dir, config::CoreKind core) {
  Owned owned;
  const auto text = lvs::io::read_file(record_file(dir, core));
  if (!text) {
    return owned;
  }
  std::istringstream lines(*text);
  for (std::string line; std::getline(lines, line);) {
    if (const auto key = from_record(line)) {
      owned.services.insert(*key);
    } else if (const auto daemon = daemon_from_record(line)) {
      owned.daemons.push_back(*daemon);
    } else if (const auto drained = drain_from_record(line)) {
      owned.draining.insert(*drained);
    }
  }
  return owned;
}

Result<Ok> save_owned(const std::string& dir, config::CoreKind core, const Owned& owned) {
  std::string text;
  for (const auto& key : owned.services) {
    text += to_record(key) + "\n";
  }
  for (const auto& daemon : owned.daemons) {
    text += to_record(daemon) + "\n";
  }
  for (const auto& [server, until] : owned.draining) {
    text += to_record(server, until) + "\n";
  }
  return lvs::io::write_file_atomically(record_file(dir, core), text, 0600);
}

void forget_owned(const std::string& dir, config::CoreKind core) {
  ::unlink(record_file(dir, core).c_str());
}

}  // namespace lvs::lvsd::io
