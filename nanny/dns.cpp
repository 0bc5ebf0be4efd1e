#include "nanny/dns.h"

#include <algorithm>
#include <array>

namespace lvs::nanny {
namespace {

constexpr size_t kHeaderSize = 12;
constexpr size_t kLabelMax = 63;
constexpr size_t kNameMax = 253;
constexpr uint16_t kClassInternet = 1;
constexpr uint16_t kRecursionDesired = 0x0100;
constexpr uint8_t kIsAnswer = 0x80;  // In byte 2; byte 3 ends in the response code.

struct Type {
  std::string_view name;
  uint16_t number;
};
constexpr std::array<Type, 9> kTypes = {{{"A", 1},
                                         {"NS", 2},
                                         {"CNAME", 5},
                                         {"SOA", 6},
                                         {"PTR", 12},
                                         {"MX", 15},
                                         {"TXT", 16},
                                         {"AAAA", 28},
                                         {"SRV", 33}}};

void append_16(std::string& message, uint16_t number) {
  message += {static_cast<char>(number >> 8), static_cast<char>(number & 255)};
}

uint16_t number_at(std::string_view message, size_t at) {
  return static_cast<uint16_t>(static_cast<unsigned char>(message[at]) * 256 +
                               static_cast<unsigned char>(message[at + 1]));
}

bool append_name(std::string& message, std::string name) {
  if (name.ends_with('.')) {
    name.pop_back();
  }
  if (name.size() > kNameMax) {
    return false;
  }
  while (!name.empty()) {
    const size_t end = std::min(name.find('.'), name.size());
    if (end == 0 || end > kLabelMax) {
      return false;
    }
    message += static_cast<char>(end);
    message += name.substr(0, end);
    name.erase(0, end + 1);
  }
  message += '\0';
  return true;
}

std::string code_text(unsigned code) {
  constexpr std::array<const char*, 6> kNames = {"NOERROR",  "FORMERR", "SERVFAIL",
                                                 "NXDOMAIN", "NOTIMP",  "REFUSED"};
  return code < kNames.size() ? kNames[code] : "response code " + std::to_string(code);
}

bool is_same_name_byte(char a, char b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return lower(a) == lower(b);
}

}  // namespace

std::optional<std::string> dns_question(const std::string& name, const std::string& type,
                                        uint16_t id) {
  const auto found = std::find_if(kTypes.begin(), kTypes.end(),
                                  [&](const Type& each) { return each.name == type; });
  std::string message;
  append_16(message, id);
  append_16(message, kRecursionDesired);
  append_16(message, 1);  // One question, and no records.
  message.append(6, '\0');
  if (found == kTypes.end() || !append_name(message, name)) {
    return std::nullopt;
  }
  append_16(message, found->number);
  append_16(message, kClassInternet);
  return message;
}

std::optional<ProbeResult> judge_dns(std::string_view question, std::string_view answer) {
  const bool is_ours = answer.size() >= kHeaderSize &&
                       number_at(answer, 0) == number_at(question, 0) &&
                       (static_cast<unsigned char>(answer[2]) & kIsAnswer) != 0;
  if (!is_ours) {
    return std::nullopt;
  }
  const unsigned code = static_cast<unsigned char>(answer[3]) & 15U;
  if (code != 0) {
    return fails("dns: " + code_text(code));
  }
  const std::string_view asked = question.substr(kHeaderSize);
  const std::string_view repeated =
      answer.substr(kHeaderSize, std::min(asked.size(), answer.size() - kHeaderSize));
  if (!std::equal(asked.begin(), asked.end(), repeated.begin(), repeated.end(),
                  is_same_name_byte)) {
    return std::nullopt;
  }
  const uint16_t records = number_at(answer, 6);
  return records == 0 ? fails("dns: no record of this name and type")
                      : works("dns: " + std::to_string(records) + " records");
}

}  // namespace lvs::nanny
