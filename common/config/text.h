// The small languages inside a value: words and quotes, escapes, durations.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/time.h"

namespace lvs::config {

// One word of a value. Quotes ("..." or '...') may stand around a word or behind the "=" of an
// option and may hold blanks; a backslash keeps the next character from closing them.
struct Word {
  std::string raw;   // As written, quotes included.
  std::string text;  // Without its quotes; escapes untouched.
  bool quoted = false;
};

struct Words {
  std::vector<Word> words;
  std::string error;  // Why the text could not be split, else empty.
};

Words split_words(std::string_view text);

// "rs1.example.com": letters, digits, - and _ between dots, and no number at the end, which is an
// address that was mistyped.
bool is_host_name(std::string_view text);

// A word as it was meant: without its quotes.
std::string unquoted(std::string_view raw);
// A word that split_words gives back as this text: bare if possible, else in quotes that do not
// occur in it.
std::string quoted_if_needed(std::string_view text);

// Position of the "#" that opens a comment, else npos: outside quotes, at the start or behind a
// blank.
size_t comment_start(std::string_view line);

// Piranha's: \\ \r \n \t \' \" are translated, any other backslash stays.
std::string translate_escapes(std::string_view text);

// C's rules, as in Piranha: decimal, 0x hexadecimal, a leading 0 means octal.
std::optional<long long> parse_integer(std::string_view text);

// "5" (seconds), "150ms", "2s", "5m", "1h", "2d".
std::optional<Duration> parse_duration(std::string_view text);
// Whole seconds as a plain number, which Piranha also reads; else "150ms".
std::string duration_text(Duration duration);

}  // namespace lvs::config
