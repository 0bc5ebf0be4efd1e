#include "common/config/text.h"

#include <algorithm>
#include <cctype>
#include <charconv>

namespace lvs::config {

namespace {

constexpr Duration kMaxDuration = std::chrono::hours{24 * 365 * 10};

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

bool is_quote(char c) {
  return c == '"' || c == '\'';
}

bool opens_quote(std::string_view text, size_t word_start, size_t at) {
  return is_quote(text[at]) && (at == word_start || text[at - 1] == '=');
}

// The position of the quote that closes the one at `open`, else npos.
size_t closing_quote(std::string_view text, size_t open) {
  for (size_t i = open + 1; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == text[open]) {
      return i;
    }
  }
  return std::string_view::npos;
}

// Piranha knows no backslash inside quotes: its  "C:\"  ends at the last quote. Read so only where
// nothing else fits.
size_t closing_quote_of_whole_value(std::string_view text, size_t open) {
  const size_t last = text.find_last_not_of(" \t");
  return last > open && text[last] == text[open] ? last : std::string_view::npos;
}

// Reads the word at `at` and moves behind it. Nothing: its quotes do not match.
std::optional<Word> read_word(std::string_view text, size_t& at) {
  Word word;
  const size_t start = at;
  while (at < text.size() && !is_blank(text[at])) {
    if (!opens_quote(text, start, at)) {
      word.text += text[at++];
      continue;
    }
    size_t close = closing_quote(text, at);
    if (close == std::string_view::npos && text.find_first_not_of(" \t") == at) {
      close = closing_quote_of_whole_value(text, at);
    }
    if (close == std::string_view::npos ||
        (close + 1 < text.size() && !is_blank(text[close + 1]))) {
      return std::nullopt;
    }
    word.quoted = true;
    word.text += text.substr(at + 1, close - at - 1);
    at = close + 1;
  }
  word.raw = std::string(text.substr(start, at - start));
  return word;
}

bool reads_back(const std::string& written, std::string_view text) {
  const Words back = split_words(written);
  return back.error.empty() && back.words.size() == 1 && back.words[0].text == text &&
         comment_start(written) == std::string::npos;
}

std::optional<Duration> unit_of(std::string_view name) {
  using namespace std::chrono_literals;
  if (name == "ms") {
    return 1ms;
  }
  if (name == "s") {
    return 1s;
  }
  if (name == "m") {
    return 1min;
  }
  if (name == "h") {
    return 1h;
  }
  if (name == "d") {
    return 24h;
  }
  return std::nullopt;
}

char escaped_character(char c) {
  switch (c) {
    case 'r':
      return '\r';
    case 'n':
      return '\n';
    case 't':
      return '\t';
    case '\\':
    case '\'':
    case '"':
      return c;
    default:
      return '\0';
  }
}

}  // namespace

Words split_words(std::string_view text) {
  Words result;
  size_t at = 0;
  while (true) {
    while (at < text.size() && is_blank(text[at])) {
      ++at;
    }
    if (at == text.size()) {
      return result;
    }
    auto word = read_word(text, at);
    if (!word) {
      result.error =
          "quotation mismatch: a quoted text ends with the same quote, followed by a blank";
      return result;
    }
    result.words.push_back(*std::move(word));
  }
}

std::string unquoted(std::string_view raw) {
  const Words split = split_words(raw);
  return split.error.empty() && split.words.size() == 1 ? split.words[0].text : std::string(raw);
}

std::string quoted_if_needed(std::string_view text) {
  const std::string bare(text);
  for (const std::string& candidate : {bare, '"' + bare + '"'}) {
    if (reads_back(candidate, text)) {
      return candidate;
    }
  }
  return '\'' + bare + '\'';
}

size_t comment_start(std::string_view line) {
  size_t word_start = 0;
  for (size_t i = 0; i < line.size(); ++i) {
    const bool starts_word = i == 0 || is_blank(line[i - 1]);
    if (starts_word) {
      word_start = i;
    }
    if (starts_word && line[i] == '#') {
      return i;
    }
    if (opens_quote(line, word_start, i)) {
      i = closing_quote(line, i);
      if (i == std::string_view::npos) {
        return i;
      }
    }
  }
  return std::string_view::npos;
}

std::string translate_escapes(std::string_view text) {
  std::string translated;
  for (size_t i = 0; i < text.size(); ++i) {
    const char meant =
        text[i] == '\\' && i + 1 < text.size() ? escaped_character(text[i + 1]) : '\0';
    if (meant == '\0') {
      translated += text[i];
      continue;
    }
    translated += meant;
    ++i;
  }
  return translated;
}

std::optional<long long> parse_integer(std::string_view text) {
  const bool negative = text.starts_with('-');
  std::string_view digits = text.substr(negative || text.starts_with('+') ? 1 : 0);
  int base = 10;
  if (digits.starts_with("0x") || digits.starts_with("0X")) {
    base = 16;
    digits.remove_prefix(2);
  } else if (digits.size() > 1 && digits.front() == '0') {
    base = 8;
  }
  long long value = 0;
  const char* end = digits.data() + digits.size();
  const auto [stop, failure] = std::from_chars(digits.data(), end, value, base);
  if (failure != std::errc{} || stop != end || digits.front() == '-') {
    return std::nullopt;
  }
  return negative ? -value : value;
}

std::optional<Duration> parse_duration(std::string_view text) {
  const size_t letters = text.find_first_of("msdh");
  const bool hexadecimal = text.starts_with("0x") || text.starts_with("0X");
  const bool has_unit = letters != std::string_view::npos && !hexadecimal;
  const auto count = parse_integer(has_unit ? text.substr(0, letters) : text);
  const auto unit = has_unit ? unit_of(text.substr(letters)) : std::chrono::seconds{1};
  if (!count || !unit || *count < 0 || *count > kMaxDuration / *unit) {
    return std::nullopt;
  }
  return *count * *unit;
}

std::string duration_text(Duration duration) {
  const auto ms = to_ms(duration).count();
  return ms % 1000 == 0 ? std::to_string(ms / 1000) : std::to_string(ms) + "ms";
}

bool is_host_name(std::string_view text) {
  constexpr size_t kLongest = 253;
  constexpr size_t kLongestLabel = 63;
  if (text.size() > kLongest) {
    return false;
  }
  bool is_number = true;
  for (bool more = true; more;) {
    const size_t dot = text.find('.');
    const std::string_view label = text.substr(0, dot);
    more = dot != std::string_view::npos;
    text.remove_prefix(more ? dot + 1 : 0);
    if (label.empty() || label.size() > kLongestLabel || label.front() == '-' ||
        !std::all_of(label.begin(), label.end(), [](unsigned char c) {
          return (c < 0x80 && std::isalnum(c) != 0) || c == '-' || c == '_';
        })) {
      return false;
    }
    is_number = std::all_of(label.begin(), label.end(),
                            [](unsigned char c) { return c >= '0' && c <= '9'; });
  }
  return !is_number;
}

}  // namespace lvs::config
