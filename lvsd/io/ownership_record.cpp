#include "lvsd/io/ownership_record.h"

#include <unistd.h>

#include <array>
#include <charconv>
#include <optional>
#include <sstream>

#include "common/io/read_file.h"

namespace lvs::lvsd::io {
namespace {

constexpr const char* kOwnedFile = "/services";

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

}  // namespace

std::set<ipvs::ServiceKey> load_owned(const std::string& dir) {
  std::set<ipvs::ServiceKey> owned;
  const auto text = lvs::io::read_file(dir + kOwnedFile);
  if (!text) {
    return owned;
  }
  std::istringstream lines(*text);
  for (std::string line; std::getline(lines, line);) {
    if (const auto key = from_record(line)) {
      owned.insert(*key);
    }
  }
  return owned;
}

Result<Ok> save_owned(const std::string& dir, const std::set<ipvs::ServiceKey>& owned) {
  std::string text;
  for (const auto& key : owned) {
    text += to_record(key) + "\n";
  }
  return lvs::io::write_file_atomically(dir + kOwnedFile, text, 0600);
}

void forget_owned(const std::string& dir) {
  ::unlink((dir + kOwnedFile).c_str());
}

}  // namespace lvs::lvsd::io
