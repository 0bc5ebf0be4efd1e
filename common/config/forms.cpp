#include "common/config/forms.h"

#include <net/if.h>

#include <algorithm>
#include <array>

#include "common/config/text.h"
#include "common/config/value_hints.h"
#include "common/ipvs/capabilities.h"
#include "common/nearest.h"

namespace lvs::config {

namespace {

using List = std::vector<Word>;

constexpr const char* kUnitIsNew = "durations with a unit are refused: only whole seconds";
constexpr const char* kIpv6IsNew = "IPv6 addresses are refused";

std::string joined(const std::vector<std::string>& words, const std::string& separator) {
  std::string text;
  for (const auto& word : words) {
    text += (text.empty() ? "" : separator) + word;
  }
  return text;
}

std::string list_text(const std::vector<std::string>& words) {
  return joined(words, " ");
}

template <typename T>
Form<T> one_word(std::string type, std::string range,
                 std::function<std::optional<T>(const Word&, const Notes&)> read,
                 std::function<std::string(const T&)> print) {
  return {std::move(type), std::move(range),
          [read = std::move(read)](const List& words, const Notes& notes) -> std::optional<T> {
            return words.size() == 1 ? read(words[0], notes) : std::nullopt;
          },
          std::move(print)};
}

void note_octal(std::string_view text, long long value, const Notes& notes) {
  if (text.size() > 1 && text[0] == '0' && text[1] != 'x' && text[1] != 'X') {
    notes.warn("a number that begins with 0 is octal: this is " + std::to_string(value));
  }
}

std::optional<long long> read_integer(const Word& word, long long low, long long high,
                                      const Notes& notes) {
  const auto value = parse_integer(word.text);
  if (!value || *value < low || *value > high) {
    return std::nullopt;
  }
  note_octal(word.text, *value, notes);
  return value;
}

std::optional<Duration> read_duration(const Word& word, Duration low, Duration high,
                                      const Notes& notes) {
  const auto value = parse_duration(word.text);
  if (!value || *value < low || *value > high) {
    return std::nullopt;
  }
  if (const auto plain = parse_integer(word.text)) {
    note_octal(word.text, *plain, notes);
  } else {
    notes.strict(kUnitIsNew);
  }
  return value;
}

// `place`: of the word in the value.
std::optional<Address> read_address_at(size_t place, const Word& word, const Notes& notes) {
  auto value = Address::parse(word.text);
  if (!value && (notes.resolve || notes.may_wait) && is_host_name(word.text)) {
    value = notes.resolve ? notes.resolve(word.text) : std::nullopt;
    notes.names.push_back({0, place, word.text, !value});
    if (!value && notes.may_wait) {
      notes.warn(word.text + " has no address yet: what is to be done with it waits");
      return Address{};
    }
  }
  if (value && !value->is_v4()) {
    notes.strict(kIpv6IsNew);
  }
  return value;
}

std::optional<Address> read_address(const Word& word, const Notes& notes) {
  return read_address_at(0, word, notes);
}

// A length that is too short by mistake would hit others: what is not clear is not guessed.
std::optional<Prefix> read_prefix(const Word& word, const Notes& notes) {
  const auto given = Prefix::parse(word.text);
  if (!given) {
    notes.error(word.text + ": expected a prefix or an address, as 192.0.2.0/24, 198.51.100.7 or " +
                "2001:db8::/32");
    return std::nullopt;
  }
  if (given->length == 0) {
    notes.error(word.text + " is everybody: expected a prefix of at least 1 bit");
    return std::nullopt;
  }
  if (*given != given->network()) {
    notes.error(word.text + " has bits behind its length: write " + to_string(given->network()) +
                " for all of them, or " + to_string(given->address) + " for the one");
    return std::nullopt;
  }
  if (!given->address.is_v4()) {
    notes.strict(kIpv6IsNew);
  }
  return given;
}

bool is_device_name(std::string_view name) {
  return !name.empty() && name.size() < IFNAMSIZ && name != "." && name != ".." &&
         name.find_first_of(" \t/#\"'\\={}") == std::string_view::npos;
}

std::string as_written(const List& words) {
  std::string text;
  for (const Word& word : words) {
    text += (text.empty() ? "" : " ") + word.raw;
  }
  constexpr size_t kMost = 60;
  return text.substr(0, kMost);
}

// More than "expected ..., not ...", which is said anyway, where more is known.
void say_with_hint(const std::string& expected, const List& words, const std::string& hint,
                   const Notes& notes) {
  if (!hint.empty()) {
    notes.error("expected " + expected + ", not " + as_written(words) + ": " + hint);
  }
}

constexpr const char* kFloating = "an address and its device (192.0.2.10 eth0:1)";

std::optional<FloatingAddress> read_floating(const List& words, const Notes& notes,
                                             const std::string& mask_key) {
  const bool has_both = words.size() == 2;
  const auto address = has_both ? read_address(words[0], notes) : std::nullopt;
  const std::string label = has_both ? words[1].text : "";
  const std::string device = label.substr(0, label.find(':'));
  if (!address || !is_device_name(device) || !is_device_name(label)) {
    say_with_hint(kFloating, words, words.empty() ? "" : floating_hint(words, mask_key), notes);
    return std::nullopt;
  }
  return FloatingAddress{*address, device, label, std::nullopt};
}

std::string floating_text(const FloatingAddress& floating) {
  return to_string(floating.address) + " " + floating.label;
}

std::optional<unsigned> read_mask(const Word& word, const Notes& notes) {
  if (const auto mask = Address::parse(word.text)) {
    notes.is_ipv4_mask = mask->is_v4();
    return prefix_of_netmask(*mask);
  }
  const auto length = read_integer(word, 1, 128, notes);
  if (!length) {
    return std::nullopt;
  }
  notes.strict("a prefix length is refused: write a dotted mask");
  return static_cast<unsigned>(*length);
}

std::string human(Duration duration) {
  using namespace std::chrono_literals;
  if (duration >= 24h && duration % 24h == Duration{0}) {
    return std::to_string(duration / 24h) + "d";
  }
  if (duration >= 1h && duration % 1h == Duration{0}) {
    return std::to_string(duration / 1h) + "h";
  }
  const auto ms = to_ms(duration).count();
  return ms % 1000 == 0 ? std::to_string(ms / 1000) + "s" : std::to_string(ms) + "ms";
}

}  // namespace

Form<bool> boolean() {
  return one_word<bool>(
      "0 or 1", "",
      [](const Word& word, const Notes& notes) -> std::optional<bool> {
        const auto value = read_integer(word, 0, 1, notes);
        if (!value) {
          notes.error("expected 0 or 1" + did_you_mean({"0", "1"}, word.text));
        }
        return value ? std::optional<bool>(*value == 1) : std::nullopt;
      },
      [](const bool& value) { return std::string(value ? "1" : "0"); });
}

Form<long long> integer_between(long long low, long long high, std::string unit) {
  return one_word<long long>(
      "a number" + (unit.empty() ? "" : " of " + unit),
      std::to_string(low) + " to " + std::to_string(high),
      [low, high](const Word& word, const Notes& notes) {
        const auto value = read_integer(word, low, high, notes);
        const std::string meant = value || low > 0 ? "" : natural({"0", "1"}, word.text);
        if (!meant.empty() && !parse_integer(word.text)) {
          notes.error("expected a number, " + std::to_string(low) + " to " + std::to_string(high) +
                      "; did you mean " + meant + "?");
        }
        return value;
      },
      [](const long long& value) { return std::to_string(value); });
}

Form<Duration> duration_between(Duration low, Duration high) {
  Form<Duration> form = one_word<Duration>(
      "a duration", human(low) + " to " + human(high),
      [low, high](const Word& word, const Notes& notes) {
        return read_duration(word, low, high, notes);
      },
      [](const Duration& value) { return duration_text(value); });
  form.read = [low, high, read = form.read, expected = form.type + ", " + form.range](
                  const List& words, const Notes& notes) {
    const auto value = read(words, notes);
    if (!value) {
      say_with_hint(expected, words, duration_hint(words, low, high), notes);
    }
    return value;
  };
  return form;
}

Form<Duration> whole_seconds(Duration high) {
  Form<Duration> form = duration_between(Duration{0}, high);
  form.type = "a duration in whole seconds";
  form.read = [read = form.read](const List& words, const Notes& notes) -> std::optional<Duration> {
    const auto value = read(words, notes);
    return value && *value % std::chrono::seconds{1} == Duration{0} ? value : std::nullopt;
  };
  return form;
}

Form<Failback> failback() {
  constexpr Duration kMost = std::chrono::hours{24 * 7};
  return one_word<Failback>(
      "0 (never), 1 (as soon as able) or a duration", "up to " + human(kMost),
      [=](const Word& word, const Notes& notes) -> std::optional<Failback> {
        if (word.text == "0" || word.text == "1") {
          return Failback{word.text == "1", Duration{0}};
        }
        const auto able_for = read_duration(word, Duration{1}, kMost, notes);
        return able_for ? std::optional<Failback>({true, *able_for}) : std::nullopt;
      },
      [](const Failback& value) -> std::string {
        if (!value.enabled || value.able_for == Duration{0}) {
          return value.enabled ? "1" : "0";
        }
        return value.able_for == std::chrono::seconds{1} ? "1s" : duration_text(value.able_for);
      });
}

Form<uint16_t> port_number() {
  Form<uint16_t> form = integer<uint16_t>(0, 65535);
  form.read = [read = form.read](const List& words, const Notes& notes) {
    const auto value = read(words, notes);
    if (!value) {
      say_with_hint("a port, 0 to 65535", words, port_hint(words), notes);
    }
    return value;
  };
  return form;
}

Form<uint16_t> port() {
  Form<uint16_t> form = port_number();
  form.type = "a port number or a well-known service name";
  form.read = [number = form.read](const List& words,
                                   const Notes& notes) -> std::optional<uint16_t> {
    const uint16_t known = words.size() == 1 ? port_of_service(words[0].text) : uint16_t{0};
    return known != 0 ? std::optional(known) : number(words, notes);
  };
  return form;
}

Form<Address> address() {
  Form<Address> form = one_word<Address>("an address", "", read_address,
                                         [](const Address& value) { return to_string(value); });
  form.read = [read = form.read](const List& words, const Notes& notes) {
    const auto value = read(words, notes);
    if (!value && !words.empty()) {
      const std::string hint = address_hint(words[0].text);
      say_with_hint("an address", words,
                    hint.empty() && words.size() > 1 ? "the address alone" : hint, notes);
    }
    return value;
  };
  return form;
}

Form<std::vector<Address>> addresses() {
  return {"addresses separated by blanks", "",
          [](const List& words, const Notes& notes) -> std::optional<std::vector<Address>> {
            std::vector<Address> list;
            for (size_t place = 0; place < words.size(); ++place) {
              const auto one = read_address_at(place, words[place], notes);
              const bool waits = !notes.names.empty() && notes.names.back().word == place &&
                                 notes.names.back().waits;
              if (!one || (one->is_unspecified() && !waits)) {
                return std::nullopt;
              }
              list.push_back(*one);
            }
            return list;
          },
          [](const std::vector<Address>& list) {
            std::vector<std::string> words;
            for (const auto& one : list) {
              words.push_back(to_string(one));
            }
            return list_text(words);
          }};
}

Form<std::vector<Prefix>> prefixes(size_t most) {
  return {"prefixes and addresses separated by blanks", "at most " + std::to_string(most),
          [most](const List& words, const Notes& notes) -> std::optional<std::vector<Prefix>> {
            std::vector<Prefix> list;
            bool is_good = true;
            for (const Word& word : words) {
              const auto one = read_prefix(word, notes);
              is_good = is_good && one;
              if (one && std::find(list.begin(), list.end(), *one) != list.end()) {
                notes.warn(word.text + " is given twice");
              } else if (one) {
                list.push_back(*one);
              }
            }
            if (list.size() > most) {
              notes.error("expected at most " + std::to_string(most) + " prefixes, not " +
                          std::to_string(list.size()));
            }
            return is_good && list.size() <= most ? std::optional(list) : std::nullopt;
          },
          [](const std::vector<Prefix>& list) {
            std::vector<std::string> words;
            for (const auto& one : list) {
              words.push_back(to_string(one));
            }
            return list_text(words);
          }};
}

Form<FloatingAddress> floating_address(std::string mask_key) {
  return {kFloating, "",
          [mask_key = std::move(mask_key)](const List& words, const Notes& notes) {
            return read_floating(words, notes, mask_key);
          },
          floating_text};
}

std::string netmask_text(unsigned prefix) {
  if (prefix > 32) {
    return std::to_string(prefix);
  }
  return to_string(Address::v4(0xffffffff).masked(prefix));
}

Form<unsigned> netmask() {
  return one_word<unsigned>(
      "a netmask (255.255.255.0)", "",
      [](const Word& word, const Notes& notes) {
        const auto mask = read_mask(word, notes);
        if (!mask) {
          say_with_hint("a netmask (255.255.255.0)", {word}, netmask_hint(word.text), notes);
        }
        return mask;
      },
      netmask_text);
}

Form<unsigned> persistence_mask() {
  return one_word<unsigned>(
      "a netmask (255.255.255.0)", "",
      [](const Word& word, const Notes& notes) -> std::optional<unsigned> {
        const auto prefix = read_mask(word, notes);
        if (prefix && *prefix > 0) {
          return prefix;
        }
        const std::string hint = netmask_hint(word.text);
        notes.warn("expected a netmask: ignored, as Piranha does" +
                   (hint.empty() ? "" : ": " + hint));
        return 32;
      },
      netmask_text);
}

Form<std::string> word_text() {
  return one_word<std::string>(
      "one word, or a text in quotes", "",
      [](const Word& word, const Notes&) -> std::optional<std::string> {
        const bool writable = unquoted(quoted_if_needed(word.text)) == word.text;
        return writable ? std::optional(word.text) : std::nullopt;
      },
      [](const std::string& value) { return quoted_if_needed(value); });
}

Form<std::string> quoted_text() {
  return one_word<std::string>(
      "one word, or a text in quotes", "",
      [](const Word& word, const Notes& notes) -> std::optional<std::string> {
        constexpr size_t kMostInPiranha = 255;
        if (word.text.size() > kMostInPiranha) {
          notes.strict("texts over 255 bytes are refused");
        }
        if (word.raw.front() == '\'') {
          notes.strict("single quotes would be sent as part of the text: use double quotes");
        }
        return word.raw.starts_with('#') ? quoted_if_needed(word.raw) : word.raw;
      },
      [](const std::string& value) { return value; });
}

Form<std::vector<std::string>> word_list(std::string type) {
  return {std::move(type), "",
          [](const List& words, const Notes&) -> std::optional<std::vector<std::string>> {
            std::vector<std::string> list;
            for (const auto& word : words) {
              if (!is_device_name(word.text) || word.quoted) {
                return std::nullopt;
              }
              list.push_back(word.text);
            }
            return list;
          },
          list_text};
}

Form<std::vector<std::string>> schedule_flags() {
  std::vector<std::string> names;
  for (const auto& flag : ipvs::kSchedulerFlags) {
    names.push_back(flag.name);
  }
  Form<std::vector<std::string>> form = word_list("any of " + joined(names, ", "));
  form.read = [read = form.read, type = form.type, names](
                  const List& words,
                  const Notes& notes) -> std::optional<std::vector<std::string>> {
    const auto list = read(words, notes);
    for (const auto& flag : list.value_or(std::vector<std::string>{})) {
      if (ipvs::find_named(ipvs::kSchedulerFlags, flag) == nullptr) {
        notes.error("expected " + type + did_you_mean(names, flag));
        return std::nullopt;
      }
    }
    return list;
  };
  return form;
}

Form<std::string> one_of(std::vector<Choice<std::string>> choices) {
  std::vector<std::string> names;
  for (const auto& c : choices) {
    names.push_back(c.word);
  }
  const std::string type = "one of " + joined(names, ", ");
  return one_word<std::string>(
      type, "",
      [choices = std::move(choices), names, type](
          const Word& word, const Notes& notes) -> std::optional<std::string> {
        for (const auto& c : choices) {
          if (c.word != word.text) {
            continue;
          }
          if (c.since == Since::caribe) {
            notes.strict(c.word + " is refused");
          }
          return c.value;
        }
        notes.error("expected " + type + did_you_mean(names, word.text));
        return std::nullopt;
      },
      [](const std::string& value) { return value; });
}

Form<std::optional<std::string>> path_or_none() {
  return one_word<std::optional<std::string>>(
      "an absolute path, or none", "",
      [](const Word& word, const Notes&) -> std::optional<std::optional<std::string>> {
        if (word.text == "none") {
          return std::optional<std::string>();
        }
        const bool writable = unquoted(quoted_if_needed(word.text)) == word.text;
        if (!word.text.starts_with('/') || !writable) {
          return std::nullopt;
        }
        return std::optional<std::optional<std::string>>(std::in_place, word.text);
      },
      [](const std::optional<std::string>& value) {
        return value ? quoted_if_needed(*value) : std::string("none");
      });
}

Form<ipvs::Forward> forward_method() {
  std::vector<Choice<ipvs::Forward>> choices;
  for (const auto& known : ipvs::kForwards) {
    choices.push_back({known.name, known.forward});
  }
  return choice(std::move(choices));
}

}  // namespace lvs::config
