// Forms: how one type of value is read from words and printed back. schema_*.cpp binds them to
// members. Law: whatever a form prints, it reads back as the same value.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "common/config/schema.h"

namespace lvs::config {

template <typename T>
struct Form {
  std::string type;   // "a port"
  std::string range;  // "0 to 65535"
  // Nothing: the words are not of this type.
  std::function<std::optional<T>(const std::vector<Word>&, const Notes&)> read;
  std::function<std::string(const T&)> print;
};

template <typename T>
struct Choice {
  std::string word;
  T value;
  Since since = Since::piranha;
};

Form<bool> boolean();
Form<long long> integer_between(long long low, long long high, std::string unit = "");
Form<Duration> duration_between(Duration low, Duration high);
Form<Duration> whole_seconds(Duration high);
Form<Failback> failback();
Form<uint16_t> port();  // Number or service name.
Form<uint16_t> port_number();
Form<Address> address();
Form<std::vector<Address>> addresses();
Form<std::vector<Prefix>> prefixes(size_t most);
Form<FloatingAddress> floating_address(std::string mask_key);  // The key of its netmask.
Form<unsigned> netmask();                                      // Dotted; a prefix length for IPv6.
Form<unsigned> persistence_mask();
Form<std::string> word_text();    // One word, kept without its quotes.
Form<std::string> quoted_text();  // One word, kept as written.
Form<std::vector<std::string>> word_list(std::string type);
Form<std::vector<std::string>> schedule_flags();
Form<std::string> one_of(std::vector<Choice<std::string>> choices);
Form<std::optional<std::string>> path_or_none();
Form<ipvs::Forward> forward_method();

// Only the single-word forms below know of C++ types wider than their member.
template <typename T>
Form<T> integer(long long low, long long high, std::string unit = "") {
  Form<long long> wide = integer_between(low, high, std::move(unit));
  return {
      wide.type, wide.range,
      [read = wide.read](const std::vector<Word>& words, const Notes& notes) -> std::optional<T> {
        const auto value = read(words, notes);
        return value ? std::optional<T>(static_cast<T>(*value)) : std::nullopt;
      },
      [](const T& value) { return std::to_string(value); }};
}

template <typename T>
Form<T> choice(std::vector<Choice<T>> choices) {
  std::vector<Choice<std::string>> names;
  for (const auto& c : choices) {
    names.push_back({c.word, c.word, c.since});
  }
  Form<std::string> named = one_of(std::move(names));
  return {named.type, named.range,
          [choices, read = named.read](const std::vector<Word>& given,
                                       const Notes& notes) -> std::optional<T> {
            const auto name = read(given, notes);
            for (const auto& c : choices) {
              if (name && c.word == *name) {
                return c.value;
              }
            }
            return std::nullopt;
          },
          [choices](const T& value) {
            for (const auto& c : choices) {
              if (c.value == value) {
                return c.word;
              }
            }
            return std::string();
          }};
}

// What a table says about a key besides its form.
struct About {
  std::string fallback;
  std::string help;
  std::string example = "";
  Since since = Since::piranha;
  Written written = Written::if_changed;
};

template <typename B>
using Later = std::function<std::string(const B&, CoreKind)>;

template <typename B, typename T>
Key<B> key(std::string name, T B::*member, Form<T> form, About about,
           std::type_identity_t<Later<B>> later = {}) {
  return {std::move(name),
          form.type,
          form.range,
          [member, read = form.read](const std::vector<Word>& words, B& block, const Notes& notes) {
            const auto value = read(words, notes);
            if (value) {
              block.*member = *value;
            }
            return value.has_value();
          },
          [member, print = form.print](const B& block) { return print(block.*member); },
          std::move(about.fallback),
          std::move(about.help),
          std::move(about.example),
          about.since,
          about.written,
          std::move(later)};
}

template <typename B, typename T>
Key<B> key(std::string name, std::optional<T> B::*member, Form<T> form, About about,
           std::type_identity_t<Later<B>> later = {}) {
  return {std::move(name),
          form.type,
          form.range,
          [member, read = form.read](const std::vector<Word>& words, B& block, const Notes& notes) {
            const auto value = read(words, notes);
            if (value) {
              block.*member = *value;
            }
            return value.has_value();
          },
          [member, print = form.print](const B& block) {
            return block.*member ? print(*(block.*member)) : std::string();
          },
          std::move(about.fallback),
          std::move(about.help),
          std::move(about.example),
          about.since,
          about.written,
          std::move(later)};
}

// The mask of a floating address. It may stand before the address, so it waits in Notes until the
// block is read.
template <typename B>
Key<B> netmask_key(std::string name, std::optional<FloatingAddress> B::*member, About about) {
  const Form<unsigned> form = netmask();
  return {std::move(name),
          form.type,
          form.range,
          [read = form.read](const std::vector<Word>& words, B&, const Notes& notes) {
            const auto prefix = read(words, notes);
            if (prefix) {
              notes.netmask = *prefix == 0 ? std::nullopt : prefix;
            }
            return prefix.has_value();
          },
          [member, print = form.print](const B& block) {
            const auto& address = block.*member;
            return address && address->prefix ? print(*address->prefix) : std::string();
          },
          std::move(about.fallback),
          std::move(about.help),
          std::move(about.example),
          about.since,
          about.written};
}

// A key of Piranha's that nothing reads any more.
template <typename B>
Key<B> ignored_key(std::string name, std::string type, std::string help) {
  return {std::move(name),
          std::move(type),
          "",
          [](const std::vector<Word>& words, B&, const Notes&) { return !words.empty(); },
          [](const B&) { return std::string(); },
          "",
          std::move(help),
          ""};
}

// The words of netmasks: 24 -> 255.255.255.0; above 32 the length itself.
std::string netmask_text(unsigned prefix);

}  // namespace lvs::config
