#include "common/config/lines.h"

#include <ini.h>

#include <algorithm>

#include "common/config/foreign_words.h"
#include "common/config/text.h"

namespace lvs::config {

namespace {

constexpr size_t kMaxPiranhaTokens = 99;

// inih's switches are globals of that library; this is the one place that sets them. Multi-line
// off, or an indented line continues the key above; inline comments off, or ";" inside quotes cuts
// the value; lines as long as ours.
void set_inih_switches() {
  ini_allow_multiline = false;
  ini_allow_inline_comments = false;
  ini_allow_bom = false;
  ini_allow_no_value = false;
  ini_stop_on_first_error = true;
  ini_use_stack = false;
  ini_allow_realloc = true;
  ini_initial_alloc = 256;
  ini_max_line = kMaxLineBytes + 3;  // inih counts CR, LF and NUL.
}

int keep_pair(void* user, const char*, const char* key, const char* value) {
  *static_cast<std::optional<Assignment>*>(user) = Assignment{0, key, value};
  return 1;
}

std::optional<Assignment> split_assignment(const std::string& statement) {
  std::optional<Assignment> pair;
  const int failed = ini_parse_string(statement.c_str(), keep_pair, &pair);
  return failed == 0 ? pair : std::nullopt;
}

std::string_view trim(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) {
    return {};
  }
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

bool has_control_byte(std::string_view line) {
  return std::any_of(line.begin(), line.end(),
                     [](unsigned char c) { return (c < 0x20 && c != '\t') || c == 0x7f; });
}

// "key = ..." and "key=...", but not "virtual a=b {".
bool is_assignment(std::string_view statement) {
  const size_t equals = statement.find('=');
  return equals != std::string_view::npos && equals > 0 &&
         trim(statement.substr(0, equals)).find_first_of(" \t\"'{}") == std::string_view::npos;
}

// The "{" that opens a block: the first one outside of quotes.
size_t opening_brace(std::string_view statement) {
  char quote = 0;
  for (size_t at = 0; at < statement.size(); ++at) {
    const char c = statement[at];
    if (quote != 0) {
      quote = c == quote ? '\0' : quote;
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (c == '{') {
      return at;
    }
  }
  return std::string_view::npos;
}

// Where braces that close stand in an assignment: apart from a value, as in "active = 1 }", or
// behind a number, as in "weight = 2}". Behind other words, or alone, they are text: Piranha takes
// "expect = }".
size_t closing_brace(std::string_view statement) {
  const size_t value = statement.find_first_not_of(" \t", statement.find('=') + 1);
  for (size_t at = value; at < statement.size();) {
    const char quote = statement[at] == '"' || statement[at] == '\'' ? statement[at] : ' ';
    const size_t close =
        quote == ' ' ? at : std::min(statement.find(quote, at + 1), statement.size());
    const size_t end = std::min(statement.find_first_of(" \t", close), statement.size());
    const std::string_view word = statement.substr(at, end - at);
    const size_t brace = word.find_first_not_of("0123456789.");
    const bool is_closed = brace != std::string_view::npos &&
                           word.find_first_not_of('}', brace) == std::string_view::npos;
    if (is_closed && (brace > 0 || at > value)) {
      return at + brace;
    }
    at = std::min(statement.find_first_not_of(" \t", end), statement.size());
  }
  return statement.size();
}

std::string behind_colon(const std::string& hint) {
  return hint.empty() ? "" : ": " + hint;
}

std::string described(const Block& block) {
  return block.word + " " + block.name + " (line " + std::to_string(block.line) + ")";
}

}  // namespace

LineReader::LineReader() {
  set_inih_switches();
  open_.push_back({});
}

void LineReader::take_line(std::string_view line) {
  ++line_;
  if (line.ends_with('\r')) {
    line.remove_suffix(1);
    if (!std::exchange(crlf_noted_, true)) {
      strict("", "CR-LF line ends: after the first line everything would be skipped");
    }
  }
  if (line.size() > kMaxLineBytes) {
    return error("", "expected a line of at most " + std::to_string(kMaxLineBytes) + " bytes");
  }
  if (has_control_byte(line)) {
    return error("", "expected text: the line holds a control byte");
  }
  const size_t comment = comment_start(line);
  const std::string_view statement = trim(line.substr(0, comment));
  if (statement.empty()) {
    return;
  }
  if (comment != std::string_view::npos) {
    strict("", "a comment behind a statement is refused: give it a line of its own");
  }
  take_statement(statement, line.substr(0, comment));
}

void LineReader::finish() {
  if (pending_) {
    error(pending_->word, "expected { after " + described(*pending_));
    open_pending();
  }
  if (open_.size() == 1) {
    return;
  }
  const std::string word = open_.back().word;
  std::string blocks;
  while (open_.size() > 1) {
    blocks += (blocks.empty() ? "" : ", and that of ") + described(open_.back());
    close();
  }
  diagnostics_.push_back({Severity::cut_short, "", line_, word,
                          "the closing } of " + blocks + " is missing: is the file whole?"});
}

// Braces may stand before and behind what they enclose: "server a { weight = 2 }" is a block.
void LineReader::take_statement(std::string_view statement, std::string_view line) {
  if (pending_) {
    const bool has_brace = statement.starts_with('{');
    if (has_brace) {
      strict(pending_->word, "the { must stand on the line that opens the block");
      statement = trim(statement.substr(1));
    } else {
      error(pending_->word, "expected { after " + described(*pending_));
    }
    open_pending();
    if (statement.empty()) {
      return;
    }
  }
  if (statement.starts_with('}')) {
    return take_closing(statement, line);
  }
  if (is_assignment(statement)) {
    return take_assignment(statement, line);
  }
  take_opening(statement, line);
}

void LineReader::take_closing(std::string_view statement, std::string_view line) {
  const std::string_view rest = trim(statement.substr(1));
  if (open_.size() == 1) {
    return error("", "this } closes nothing");
  }
  close();
  const bool may_follow = rest.starts_with('}') || rest.find('{') != std::string_view::npos;
  if (rest.empty()) {
    return;
  }
  if (!may_follow) {
    return error("", "expected } alone on its line, not " + std::string(rest) + " behind it");
  }
  strict("", "expected } alone on its line");
  take_statement(rest, line);
}

void LineReader::take_assignment(std::string_view statement, std::string_view line) {
  const size_t brace = closing_brace(statement);
  const std::string_view whole = trim(statement.substr(0, brace));
  const std::string_view closing = statement.substr(brace);
  auto pair = split_assignment(std::string(whole));
  const std::string key(trim(whole.substr(0, whole.find('='))));
  if (!pair || pair->key != key) {
    error(key, "expected key = value");
  } else if (pair->value.empty()) {
    error(key, "expected a value behind the =");
  } else {
    note_what_piranha_refuses(line, *pair);
    note_typographic_quotes(key, pair->value);
    pair->line = line_;
    open_.back().assignments.push_back(*std::move(pair));
  }
  if (!closing.empty()) {
    strict(key, "expected } alone on its line");
    take_closing(closing, line);
  }
}

void LineReader::take_opening(std::string_view statement, std::string_view line) {
  const size_t brace = opening_brace(statement);
  const bool has_brace = brace != std::string_view::npos;
  const std::string_view header = trim(statement.substr(0, brace));
  const Words split = split_words(header);
  if (!split.error.empty()) {
    return error("", split.error);
  }
  const std::string word = split.words.empty() ? "" : split.words[0].raw;
  const bool known = word == "virtual" || word == "failover" || word == "server";
  const std::string name = split.words.size() > 1 ? split.words[1].text : "";
  if (!known && !has_brace) {
    return error(word, "expected key = value" + behind_colon(foreign_hint(word)));
  }
  if (!known) {
    error(word, "expected a block: virtual, failover or server" + behind_colon(foreign_hint(word)));
  } else if (split.words.size() != 2) {
    error(word, "expected one name and {" +
                    std::string(split.words.size() < 2 ? ": its name is missing"
                                                       : ": write a name of several words in \""));
  }
  note_typographic_quotes(word, name);
  pending_ = Block{word, name, line_, {}, {}};
  if (!has_brace) {
    return;
  }
  if (brace > 0 && statement[brace - 1] != ' ' && statement[brace - 1] != '\t') {
    strict(word, "expected a blank before the {");
  }
  open_pending();
  const std::string_view contents = trim(statement.substr(brace + 1));
  if (!contents.empty()) {
    strict(word, "expected the block's contents on lines of their own");
    take_statement(contents, line);
  }
}

void LineReader::open_pending() {
  close_what_cannot_hold(pending_->word);
  if (pending_->word == "server" && open_.size() == 1) {
    error(pending_->word, "expected a server block inside a virtual block");
  }
  open_.push_back(*std::move(pending_));
  pending_.reset();
}

// A virtual cannot stand in another block, a server not in a server: there a } was forgotten.
void LineReader::close_what_cannot_hold(const std::string& word) {
  const bool top_level = word == "virtual" || word == "failover";
  while (open_.size() > 1 && (top_level || (word == "server" && open_.back().word == "server"))) {
    error(word, "expected } before it: " + described(open_.back()) + " is still open");
    close();
  }
}

void LineReader::close() {
  Block done = std::move(open_.back());
  open_.pop_back();
  open_.back().children.push_back(std::move(done));
}

void LineReader::note_what_piranha_refuses(std::string_view line, const Assignment& pair) {
  const std::string_view tail = line.substr(line.find('=') + 1);
  const size_t equals = line.find('=');
  if (line[equals - 1] != ' ' && line[equals - 1] != '\t') {
    strict(pair.key, "expected a blank before the =");
  }
  if (!tail.starts_with(' ') && !tail.starts_with('\t')) {
    strict(pair.key, "expected a blank behind the =");
  }
  const Words split = split_words(pair.value);
  if (split.words.size() + 2 > kMaxPiranhaTokens) {
    strict(pair.key, "more than 99 words on a line are refused");
  }
  if (split.words.size() == 1 && pair.value.find_first_of("\"'") == 0) {
    note_quote_traps(line, pair, split.words[0].raw);
  }
}

// Word processors and web pages put them in the place of those that quote.
void LineReader::note_typographic_quotes(std::string_view key, std::string_view text) {
  for (const std::string_view quote : {"\u201c", "\u201d", "\u201e", "\u2018", "\u2019"}) {
    if (text.find(quote) != std::string_view::npos) {
      return warning(key, "typographic quotes are part of the text: to quote, write \"");
    }
  }
}

void LineReader::note_quote_traps(std::string_view line, const Assignment& pair,
                                  const std::string& word) {
  const size_t blank = word.find_first_of(" \t");
  const bool trailing = line.ends_with(' ') || line.ends_with('\t');
  if (blank == std::string::npos && trailing) {
    strict(pair.key, "blanks behind a quoted text without blanks are a quotation mismatch");
  }
  const size_t inner = word.find(std::string("\\") + word.front(), 1);
  if (inner != std::string::npos && inner + 2 < word.size() && blank < inner) {
    strict(pair.key, "an escaped quote behind a blank ends the text");
  }
}

void LineReader::error(std::string_view key, std::string text) {
  open_.back().has_unread_line = true;
  diagnostics_.push_back({Severity::error, "", line_, std::string(key), std::move(text)});
}
void LineReader::warning(std::string_view key, std::string text) {
  diagnostics_.push_back({Severity::warning, "", line_, std::string(key), std::move(text)});
}
void LineReader::strict(std::string_view key, std::string text) {
  diagnostics_.push_back({Severity::strict, "", line_, std::string(key), std::move(text)});
}
std::string_view take_first_line(std::string_view& text) {
  const size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

}  // namespace lvs::config
