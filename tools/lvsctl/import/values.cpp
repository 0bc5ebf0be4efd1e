#include "tools/lvsctl/import/values.h"

#include <net/if.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "common/config/check_syntax.h"
#include "common/config/text.h"
#include "common/ipvs/capabilities.h"

namespace lvs::lvsctl::foreign {
namespace {

constexpr size_t kFractionDigits = 3;
constexpr std::string_view kBlanks = " \t\r";
constexpr std::string_view kShellOnly = "|&;<>()$`\\\"'*?[]{}~\n";

}  // namespace

std::vector<std::string> words_of(std::string_view line) {
  std::vector<std::string> words;
  for (size_t at = line.find_first_not_of(kBlanks); at != std::string_view::npos;
       at = line.find_first_not_of(kBlanks, at)) {
    const size_t end = std::min(line.find_first_of(kBlanks, at), line.size());
    words.emplace_back(line.substr(at, end - at));
    at = end;
  }
  return words;
}

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(kBlanks);
  const size_t last = text.find_last_not_of(kBlanks);
  return first == std::string_view::npos ? std::string_view{}
                                         : text.substr(first, last - first + 1);
}

bool is_text(std::string_view line) {
  return std::all_of(line.begin(), line.end(),
                     [](unsigned char c) { return (c >= ' ' && c != 0x7f) || c == '\t'; });
}

std::optional<long long> whole_number(std::string_view text) {
  long long number = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool is_whole = error == std::errc{} && rest == text.data() + text.size() && number >= 0;
  return is_whole ? std::optional(number) : std::nullopt;
}

std::optional<uint16_t> port_number(std::string_view text) {
  const auto number = whole_number(text);
  return number && *number <= 65535 ? std::optional(static_cast<uint16_t>(*number)) : std::nullopt;
}

std::optional<Duration> seconds(std::string_view text) {
  constexpr long long kMost = 10LL * 365 * 24 * 3600;
  const size_t dot = std::min(text.find('.'), text.size());
  std::string fraction(text.substr(std::min(dot + 1, text.size())));
  fraction.resize(kFractionDigits, '0');
  const auto whole = whole_number(text.substr(0, dot));
  const auto thousandths = whole_number(fraction);
  if (!whole || !thousandths || *whole > kMost) {
    return std::nullopt;
  }
  return std::chrono::seconds{*whole} + std::chrono::milliseconds{*thousandths};
}

std::optional<Endpoint> endpoint(const std::string& text, const lvsadm::Resolver& names,
                                 ipvs::Protocol protocol) {
  const auto address_of = [&](const std::string& host) {
    const auto numeric = Address::parse(host);
    return numeric || !config::is_host_name(host) ? numeric : names.host(host);
  };
  const size_t colon = text.rfind(':');
  const bool has_port =
      colon != std::string::npos && (text.find(':') == colon || text[colon - 1] == ']');
  const auto address = address_of(has_port ? text.substr(0, colon) : text);
  std::optional<uint16_t> port = 0;
  if (has_port) {
    const std::string word = text.substr(colon + 1);
    port = port_number(word);
    port = port || word.empty() ? port : names.port(word, protocol);
  }
  return address && port ? std::optional(Endpoint{*address, *port}) : std::nullopt;
}

std::optional<Prefixed> prefixed(const std::string& text) {
  const size_t slash = std::min(text.find('/'), text.size());
  const auto address = Address::parse(text.substr(0, slash));
  if (!address || slash == text.size()) {
    return address ? std::optional(Prefixed{*address, std::nullopt}) : std::nullopt;
  }
  const auto length = whole_number(text.substr(slash + 1));
  if (!length || *length < 1 || *length > static_cast<long long>(address->size() * 8)) {
    return std::nullopt;
  }
  return Prefixed{*address, static_cast<unsigned>(*length)};
}

std::optional<Address> address_above(const Address& address, uint32_t steps) {
  uint8_t bytes[16];
  std::memcpy(bytes, address.bytes(), address.size());
  uint64_t carry = steps;
  for (size_t i = address.size(); i > 0 && carry > 0; --i) {
    carry += bytes[i - 1];
    bytes[i - 1] = static_cast<uint8_t>(carry & 0xff);
    carry >>= 8;
  }
  if (carry > 0) {
    return std::nullopt;
  }
  return address.is_v4() ? Address::v4_bytes(bytes) : Address::v6_bytes(bytes);
}

long long bounded(Draft& draft, const Said& said, long long value, long long low, long long high) {
  const long long within = std::clamp(value, low, high);
  if (within != value) {
    draft.leave(said.line, said.word + ": " + std::to_string(value) +
                               " is out of range: " + std::to_string(within) + " is written");
  }
  return within;
}

Duration bounded(Draft& draft, const Said& said, Duration value, Duration low, Duration high) {
  const Duration within = std::clamp(value, low, high);
  if (within != value) {
    draft.leave(said.line, said.word + ": " + config::duration_text(value) + " is out of range: " +
                               config::duration_text(within) + " is written");
  }
  return within;
}

bool is_device(std::string_view name) {
  return !name.empty() && name.size() < IFNAMSIZ && name != "." && name != ".." &&
         name.front() != ':' && is_text(name) &&
         name.find_first_of(" \t\r/#\"'\\={}") == std::string_view::npos;
}

bool is_writable(std::string_view text) {
  return is_text(text) && config::unquoted(config::quoted_if_needed(text)) == text;
}

std::string trouble_of(const config::Check& check) {
  const auto form = config::check_form();
  const std::string text = form.print(check);
  const config::Words split = config::split_words(text);
  const config::Resolver nobody;
  std::optional<unsigned> no_mask;
  bool is_ipv4_mask = false;
  std::vector<std::pair<config::Severity, std::string>> notes;
  std::vector<config::SourceLines::Name> names;
  if (!is_text(text)) {
    return "there are control characters in it";
  }
  const auto read = form.read(split.words, {nobody, no_mask, notes, is_ipv4_mask, false, names});
  if (split.error.empty() && read == check) {
    return "";
  }
  return notes.empty() ? "it would read back otherwise: " + text : notes.front().second;
}

std::optional<std::string> plain_command(Draft& draft, const Said& said, const std::string& text) {
  if (text.starts_with('/') && text.find_first_of(kShellOnly) == std::string::npos &&
      is_writable(text)) {
    return text;
  }
  draft.leave(said.line, said.word + ": " + (text.empty() ? "no command is given" : text) +
                             ": commands are run without a shell, split at blanks, by their "
                             "absolute path: put it into a script of its own and name that");
  return std::nullopt;
}

void tell_of_tunnel(Draft& draft, const Said& said) {
  draft.leave(said.line, said.word +
                             ": the only tunnels of lvs.cf are IPIP, and one is written: set up "
                             "an IPIP tunnel on the server before this file is used");
}

std::vector<std::string> flag_names(const std::string& scheduler, uint32_t flags) {
  std::vector<std::string> names;
  for (const auto& known : ipvs::kSchedulerFlags) {
    const std::string owner = known.scheduler;
    if ((flags & known.bit) != 0 && (owner.empty() || owner == scheduler)) {
      names.emplace_back(known.name);
      flags &= ~known.bit;
    }
  }
  return names;
}

bool is_scheduler(std::string_view name) {
  return ipvs::find_named(ipvs::kSchedulers, name) != nullptr;
}

}  // namespace lvs::lvsctl::foreign
