#include "common/config/value_hints.h"

#include <net/if.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <utility>

#include "common/address.h"
#include "common/config/forms.h"

namespace lvs::config {
namespace {

using namespace std::chrono_literals;

// Reading /etc/services is not this library's business.
constexpr std::array<std::pair<std::string_view, uint16_t>, 26> kServiceNames{{
    {"ftp-data", 20},     {"ftp", 21},     {"ssh", 22},    {"telnet", 23}, {"smtp", 25},
    {"domain", 53},       {"tftp", 69},    {"http", 80},   {"www", 80},    {"kerberos", 88},
    {"pop3", 110},        {"sunrpc", 111}, {"nntp", 119},  {"ntp", 123},   {"imap2", 143},
    {"imap", 143},        {"snmp", 161},   {"ldap", 389},  {"https", 443}, {"isakmp", 500},
    {"rtsp", 554},        {"ldaps", 636},  {"imaps", 993}, {"pop3s", 995}, {"mysql", 3306},
    {"postgresql", 5432},
}};

// What people call the units, by how they begin.
constexpr std::array<std::pair<std::string_view, Duration>, 7> kUnits{{
    {"ms", 1ms},
    {"mil", 1ms},
    {"s", 1s},
    {"m", 1min},
    {"h", 1h},
    {"d", 24h},
    {"w", 24h * 7},
}};

bool is_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

std::string lower(std::string_view text) {
  std::string low(text);
  std::transform(low.begin(), low.end(), low.begin(), [](unsigned char c) {
    return static_cast<char>(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
  });
  return low;
}

std::string write(const std::string& what) {
  return "write " + what;
}

// "192.0.2.10/24"
std::string length_hint(const std::string& word, size_t slash, const std::string& mask_key) {
  const auto address = Address::parse(word.substr(0, slash));
  const std::string length = word.substr(slash + 1);
  if (!address) {
    return "";
  }
  std::string hint = write(to_string(*address));
  const bool is_length = is_digits(length) && length.size() <= 3;
  const int bits = is_length ? std::stoi(length) : 0;
  if (mask_key.empty() || bits < 1 || bits > static_cast<int>(address->size() * 8)) {
    return hint + " alone";
  }
  const std::string mask =
      address->is_v4() ? netmask_text(static_cast<unsigned>(bits)) : std::to_string(bits);
  return hint + ", and " + mask_key + " = " + mask;
}

// "192.168.1.300", "192.168.1", "192.168.001.010"
std::string numbers_hint(const std::string& word) {
  if (word.find_first_not_of("0123456789.") != std::string::npos || word.empty()) {
    return "";
  }
  int numbers = 0;
  for (size_t at = 0; at <= word.size(); ++numbers) {
    const size_t dot = std::min(word.find('.', at), word.size());
    const std::string number = word.substr(at, dot - at);
    at = dot + 1;
    if (number.size() > 1 && number.front() == '0') {
      return "write its numbers without zeros in front";
    }
    if (number.size() > 3 || (!number.empty() && std::stoi(number) > 255)) {
      return number + " is more than 255";
    }
  }
  return numbers == 4 ? "" : "it has four numbers, with a dot between two";
}

std::optional<Duration> unit_called(std::string_view name) {
  const auto found = std::find_if(kUnits.begin(), kUnits.end(), [&](const auto& unit) {
    return lower(name).starts_with(unit.first);
  });
  return found == kUnits.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace

uint16_t port_of_service(std::string_view name) {
  const auto found = std::find_if(kServiceNames.begin(), kServiceNames.end(),
                                  [&](const auto& each) { return each.first == name; });
  return found == kServiceNames.end() ? uint16_t{0} : found->second;
}

std::string address_hint(const std::string& word, const std::string& mask_key) {
  if (word.size() > 1 && (word.ends_with(',') || word.ends_with(';'))) {
    return write("it without the " + word.substr(word.size() - 1));
  }
  if (const size_t scheme = word.find("://"); scheme != std::string::npos) {
    return write("it without " + word.substr(0, scheme + 3));
  }
  if (word.find('%') != std::string::npos && word.find(':') != std::string::npos) {
    return "an address of one link alone cannot be used: give the device one of a wider scope";
  }
  const size_t close = word.find(']');
  if (word.starts_with('[') && close != std::string::npos &&
      Address::parse(word.substr(1, close - 1))) {
    const std::string port = word.substr(close + 1);
    return write(word.substr(1, close - 1) + ", without brackets") +
           (port.empty() ? "" : ", and the port by its own key");
  }
  if (const size_t slash = word.find('/'); slash != std::string::npos) {
    return length_hint(word, slash, mask_key);
  }
  const size_t colon = word.find(':');
  if (colon != std::string::npos && colon == word.rfind(':')) {
    const std::string host = word.substr(0, colon);
    return Address::parse(host) || is_host_name(host)
               ? write(host + ", and the port by its own key")
               : "";
  }
  std::string dotted = word;
  std::replace(dotted.begin(), dotted.end(), ',', '.');
  return dotted != word && Address::parse(dotted) ? write(dotted) : numbers_hint(word);
}

std::string slip_hint(const std::vector<Word>& words) {
  for (size_t i = 1; i < words.size(); ++i) {
    for (const std::string mark : {";", "//", "/*", "!"}) {
      if (words[i].raw.starts_with(mark)) {
        return "a comment begins with #, not " + mark;
      }
    }
  }
  if (words.size() == 1 && words[0].quoted &&
      words[0].text.find_first_of(" \t") != std::string::npos) {
    return write(words[0].text + " without quotes");
  }
  const bool ends_so =
      !words.empty() && words.back().raw.size() > 1 && words.back().raw.ends_with(';');
  return ends_so ? write("it without the ;") : "";
}

std::string netmask_hint(const std::string& word) {
  const std::string length = word.starts_with('/') ? word.substr(1) : "";
  if (lower(word) == "unused" || lower(word) == "none") {
    return "leave the key out for none";
  }
  if (!is_digits(length) || length.size() > 3 || std::stoi(length) < 1 || std::stoi(length) > 128) {
    return "";
  }
  return write(netmask_text(static_cast<unsigned>(std::stoi(length))));
}

std::string floating_hint(const std::vector<Word>& words, const std::string& mask_key) {
  const std::string& first = words.front().text;
  const auto address = Address::parse(first);
  if (!address && words.size() == 2 && Address::parse(words[1].text)) {
    return "the address comes first: " + write(words[1].text + " " + first);
  }
  if (const std::string hint = address_hint(first, mask_key); !hint.empty()) {
    return hint;
  }
  if (!address) {
    return "";
  }
  if (words.size() == 1) {
    return "the device that is to hold it is missing";
  }
  if (words.size() == 3 && (words[1].text == "dev" || words[1].text == "netmask")) {
    return words[1].text == "dev" ? write(first + " " + words[2].text)
                                  : "the netmask has a key of its own: " + mask_key;
  }
  if (words.size() > 2) {
    return "one address and one device make a virtual block";
  }
  const std::string& label = words[1].text;
  if (label.size() >= IFNAMSIZ) {
    return label + " has " + std::to_string(label.size()) +
           " characters, and a device or its label no more than " + std::to_string(IFNAMSIZ - 1);
  }
  if (label.ends_with(',') || label.ends_with(';')) {
    return write(label.substr(0, label.size() - 1) + " without the " +
                 label.substr(label.size() - 1));
  }
  return label + " is no name of a device";
}

std::string duration_hint(const std::vector<Word>& words, Duration low, Duration high) {
  if (words.empty() || words.size() > 2) {
    return "";
  }
  const std::string text = words[0].text + (words.size() == 2 ? words[1].text : "");
  const size_t end = std::min(text.find_first_not_of("0123456789."), text.size());
  double number = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + end, number);
  const auto unit =
      end == text.size() ? std::optional<Duration>(1s) : unit_called(text.substr(end));
  constexpr double kMost = 1e6;
  if (error != std::errc{} || stop != text.data() + end || !unit || number > kMost) {
    return "";
  }
  const Duration meant{std::llround(number * static_cast<double>(unit->count()))};
  const bool is_writable = meant >= low && meant <= high && meant % 1ms == Duration{0};
  const std::string written = duration_text(meant);
  return is_writable && written != text ? write(written + (written.ends_with("ms") ? "" : "s"))
                                        : "";
}

std::string port_hint(const std::vector<Word>& words) {
  if (words.empty()) {
    return "";
  }
  const std::string& word = words.front().text;
  if (const uint16_t port = port_of_service(word); port != 0 && words.size() == 1) {
    return write(std::to_string(port));
  }
  if (words.size() > 1 ||
      (is_digits(word.substr(0, 1)) && word.find_first_of(",:-") != std::string::npos)) {
    return "of several ports a fwmark makes one service, see mark_ports";
  }
  const size_t slash = word.find('/');
  const std::string first = word.substr(0, slash);
  const std::string second = slash == std::string::npos ? "" : word.substr(slash + 1);
  const std::string& number = is_digits(first) ? first : second;
  const std::string& protocol = is_digits(first) ? second : first;
  if (is_digits(number) && !protocol.empty()) {
    return write(number + ", and protocol = " + lower(protocol) + " in the virtual block");
  }
  return is_host_name(word) ? "of services only the well-known names are known: write the number"
                            : "";
}

std::string mark_ports_hint(const std::string& word) {
  const size_t slash = word.find('/');
  const std::string front = lower(word.substr(0, slash));
  const bool is_protocol = front == "tcp" || front == "udp" || front == "sctp";
  std::string ports = slash == std::string::npos ? "" : word.substr(slash + 1);
  if (slash == std::string::npos && is_digits(word.substr(0, 1))) {
    return write("tcp/" + word + " (or udp, sctp)");
  }
  if (!is_protocol && is_digits(front) && !ports.empty()) {
    return write(lower(ports) + "/" + front);
  }
  if (!is_protocol || ports.empty()) {
    return is_protocol ? "its ports are missing, as in " + front + "/80"
                       : "the protocols are tcp, udp, sctp, esp and ah";
  }
  if (ports.ends_with(',')) {
    return "no blank behind a comma";
  }
  std::string right;
  for (size_t at = 0; at <= ports.size();) {
    const size_t comma = std::min(ports.find(',', at), ports.size());
    std::string part = ports.substr(at, comma - at);
    at = comma + 1;
    const uint16_t named = port_of_service(part);
    part = named == 0 ? part : std::to_string(named);
    std::replace(part.begin(), part.end(), '-', ':');
    right += (right.empty() ? "" : ",") + part;
  }
  const bool is_other =
      front + "/" + right != word && right.find_first_not_of("0123456789,:") == std::string::npos;
  return is_other ? write(front + "/" + right)
                  : "ports are numbers of 1 to 65535, a range is first:last";
}

}  // namespace lvs::config
