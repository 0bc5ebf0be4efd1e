#include "tools/lvsctl/import/keepalived_tree.h"

#include <algorithm>

#include "tools/lvsctl/import/values.h"

namespace lvs::lvsctl::foreign {
namespace {

// A line's words, with braces as words of their own that no quoted word can be taken for.
struct Token {
  std::string text;
  char brace = 0;
};

std::vector<Token> tokens_of(std::string_view line) {
  std::vector<Token> tokens;
  bool in_word = false;
  for (size_t at = 0; at < line.size(); ++at) {
    const char c = line[at];
    if (c == '#' || c == '!') {
      break;
    }
    if (c == ' ' || c == '\t' || c == '\r') {
      in_word = false;
    } else if (c == '{' || c == '}') {
      tokens.push_back({"", c});
      in_word = false;
    } else {
      if (!in_word) {
        tokens.emplace_back();
      }
      in_word = true;
      const size_t close = c == '"' || c == '\'' ? line.find(c, at + 1) : std::string_view::npos;
      if (close == std::string_view::npos) {
        tokens.back().text += c;
      } else {
        tokens.back().text += line.substr(at + 1, close - at - 1);
        at = close;
      }
    }
  }
  return tokens;
}

class Tree {
 public:
  explicit Tree(Draft& draft) : draft_(draft) { open_.emplace_back(); }

  std::vector<Statement> read(const std::string& text) {
    std::string_view rest = text;
    while (!rest.empty()) {
      ++line_;
      const size_t end = std::min(rest.find('\n'), rest.size());
      take_line(rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    while (open_.size() > 1) {
      draft_.doubt(open_.back().line,
                   open_.back().word() +
                       ": its } is missing: what stands in it is read as if it were whole: is "
                       "the file?");
      close();
    }
    return std::move(open_.front().block);
  }

 private:
  void take_line(std::string_view line) {
    const auto tokens = tokens_of(line);
    if (tokens.empty() || is_not_followed(tokens.front().text)) {
      return;
    }
    Statement statement{line_, line_, {}, {}, false};
    for (const auto& token : tokens) {
      if (token.brace == 0) {
        statement.words.push_back(token.text);
      } else if (token.brace == '{') {
        open(std::move(statement));
        statement = {line_, line_, {}, {}, false};
      } else {
        add(std::move(statement));
        statement = {line_, line_, {}, {}, false};
        if (open_.size() == 1) {
          draft_.leave(line_, "a } too many");
        } else {
          close();
        }
      }
    }
    add(std::move(statement));
  }

  bool is_not_followed(const std::string& word) {
    if (word == "include" || word.starts_with("include")) {
      draft_.leave(line_, word + ": other files are not read: put its text here");
    } else if (word.starts_with('@')) {
      draft_.leave(line_, word +
                              ": lines for some machines only are left out: write what this "
                              "one is to have");
    } else if (word.starts_with('$') || word.starts_with('~')) {
      draft_.leave(line_, word +
                              ": variables are not followed: write their values where they "
                              "are used");
    } else {
      return false;
    }
    return true;
  }

  void add(Statement statement) {
    if (!statement.words.empty()) {
      open_.back().block.push_back(std::move(statement));
    }
  }

  void open(Statement statement) {
    auto& siblings = open_.back().block;
    if (statement.words.empty() && !siblings.empty() && !siblings.back().has_block) {
      statement = std::move(siblings.back());
      siblings.pop_back();
    }
    statement.has_block = true;
    if (static_cast<int>(open_.size()) > kDepthMax) {
      draft_.leave(line_, "blocks within more than " + std::to_string(kDepthMax) + " others");
      ++too_deep_;
      return;
    }
    open_.push_back(std::move(statement));
  }

  void close() {
    if (too_deep_ > 0) {
      --too_deep_;
      return;
    }
    Statement done = std::move(open_.back());
    done.last_line = line_;
    open_.pop_back();
    open_.back().block.push_back(std::move(done));
  }

  Draft& draft_;
  int line_ = 0;
  int too_deep_ = 0;
  std::vector<Statement> open_;  // The outermost, without words, at the bottom.
};

}  // namespace

const std::string& Statement::word() const {
  static const std::string kNone;
  return words.empty() ? kNone : words.front();
}

std::string Statement::value(size_t place) const {
  return place < words.size() ? words[place] : "";
}

std::string Statement::rest() const {
  std::string text;
  for (size_t place = 1; place < words.size(); ++place) {
    text += (text.empty() ? "" : " ") + words[place];
  }
  return text;
}

const Statement* Statement::find(const char* word) const {
  const auto found = std::find_if(block.begin(), block.end(),
                                  [&](const Statement& each) { return each.word() == word; });
  return found == block.end() ? nullptr : &*found;
}

std::vector<Statement> keepalived_tree(const std::string& text, Draft& draft) {
  return Tree(draft).read(text);
}

}  // namespace lvs::lvsctl::foreign
