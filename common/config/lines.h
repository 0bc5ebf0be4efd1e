// lvs.cf as lines and braces: from lines to trees of blocks holding "key = value" pairs, without
// knowing a single key.
//
//   keepalive = 6            an assignment of the globals
//   virtual web {            a block: its word, its name, "{" here or alone on the next line
//        port = 80
//        server 158 {        servers stand inside virtual and failover blocks
//        }
//   }                        "}" alone
//
// Braces are also understood on the lines of what they enclose: server a { weight = 2 }
//
// We split and count lines, strip comments outside quotes and keep the brace stack; what stands on
// an assignment's line is split by inih. What we accept and Piranha's daemons refuse is noted with
// Severity::strict. A missing "}" is noticed where the next block starts that cannot stand inside
// the open one.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/config/diagnostic.h"

namespace lvs::config {

constexpr size_t kMaxLineBytes = 64 * 1024;

struct Assignment {
  int line = 0;
  std::string key;
  std::string value;  // Without the blanks around it.
};

struct Block {
  std::string word;  // virtual, failover, server; empty for the globals.
  std::string name;
  int line = 0;
  std::vector<Assignment> assignments;
  std::vector<Block> children;
  bool has_unread_line = false;  // Nothing could be made of it, and an error said so.
};

// Takes a file line by line. Between two blocks it remembers nothing (but that it has complained of
// CR-LF once): the same lines from there on give the same blocks.
class LineReader {
 public:
  LineReader();

  void take_line(std::string_view line);  // Without its LF.
  void skip_lines(int number) { line_ += number; }
  void finish();  // After the last line; says what is not closed.

  int line() const { return line_; }  // The last one taken, from 1.
  bool is_between_blocks() const { return open_.size() == 1 && !pending_; }
  Block take_globals() { return std::move(open_.front()); }
  std::vector<Block> take_blocks() { return std::exchange(open_.front().children, {}); }
  Diagnostics take_diagnostics() { return std::exchange(diagnostics_, {}); }  // Without file.

 private:
  void take_statement(std::string_view statement, std::string_view line);
  void take_closing(std::string_view statement, std::string_view line);
  void take_assignment(std::string_view statement, std::string_view line);
  void take_opening(std::string_view statement, std::string_view line);
  void open_pending();
  void close_what_cannot_hold(const std::string& word);
  void close();
  void note_what_piranha_refuses(std::string_view line, const Assignment& pair);
  void note_typographic_quotes(std::string_view key, std::string_view text);
  void note_quote_traps(std::string_view line, const Assignment& pair, const std::string& word);
  void error(std::string_view key, std::string text);
  void warning(std::string_view key, std::string text);
  void strict(std::string_view key, std::string text);

  int line_ = 0;
  std::vector<Block> open_;       // The brace stack; the globals at the bottom.
  std::optional<Block> pending_;  // Its { has not come yet.
  Diagnostics diagnostics_;
  bool crlf_noted_ = false;
};

// The text's first line, taken off it; without its LF.
std::string_view take_first_line(std::string_view& text);

}  // namespace lvs::config
