#include "common/regex.h"

#include <re2/re2.h>

#include <cctype>
#include <optional>

namespace lvs {
namespace {

constexpr int64_t kMemoryMax = 2 << 20;  // Of a compiled expression and what it remembers.

// A POSIX extended regular expression in the C library's reading, as RE2 must be told it.
class Translation {
 public:
  explicit Translation(const std::string& pattern) : in_(pattern) {}

  Result<std::string> text() {
    while (at_ < in_.size() && error_.empty()) {
      next();
    }
    return error_.empty() ? Result<std::string>(std::move(out_)) : Error{EINVAL, error_};
  }

 private:
  void next() {
    const char c = in_[at_++];
    const bool repeats_before = std::exchange(repeats_, false);
    switch (c) {
      case '\\':
        return escape();
      case '[':
        return brackets();
      case '{':
        return interval();
      case '(':
        ++depth_;
        break;
      case ')':
        if (depth_ == 0) {
          out_ += '\\';  // Closes nothing: a byte like others.
        } else {
          --depth_;
        }
        break;
      case '*':
      case '+':
      case '?':
        repeats_ = true;
        if (repeats_before) {  // "a*+": RE2 wants one.
          out_.back() = out_.back() == c ? c : '*';
          return;
        }
        break;
      default:
        break;
    }
    out_ += c;
  }

  void escape() {
    if (at_ == in_.size()) {
      error_ = "it ends in a backslash";
      return;
    }
    const char c = in_[at_++];
    if (c >= '1' && c <= '9') {
      error_ = std::string("the back-reference \\") + c + " would need more than linear time";
    } else if (c == '<' || c == '>') {
      error_ = std::string("\\") + c + " is not known: write \\b for the edge of a word";
    } else if (c == '`' || c == '\'') {
      out_ += c == '`' ? '^' : '$';
    } else if (std::string_view("wWsSbB").find(c) != std::string_view::npos ||
               std::ispunct(static_cast<unsigned char>(c)) != 0) {
      out_ += {'\\', c};
    } else {
      out_ += c;
    }
  }

  // "{,3}" is known to the C library only; what is no interval is text to RE2.
  void interval() {
    const size_t end = in_.find('}', at_);
    if (end != std::string::npos && end > at_ + 1 && in_[at_] == ',' &&
        in_.find_first_not_of("0123456789", at_ + 1) == end) {
      out_ += "{0";
      return;
    }
    out_ += '{';
  }

  // Within brackets a backslash is a byte like others.
  void brackets() {
    out_ += '[';
    if (at_ < in_.size() && in_[at_] == '^') {
      out_ += in_[at_++];
    }
    for (bool first = true; at_ < in_.size() && error_.empty(); first = false) {
      const char c = in_[at_++];
      if (c == ']' && !first) {
        out_ += c;
        return;
      }
      if (c == '[' && at_ < in_.size() && std::string_view(":=.").find(in_[at_]) < 3) {
        named(in_[at_++]);
      } else if (c == ']' || c == '[' || c == '\\') {
        out_ += {'\\', c};
      } else {
        out_ += c;
      }
    }
    if (error_.empty()) {
      error_ = "[ without its ]";
    }
  }

  // "[:alpha:]" is copied; "[=e=]" and "[.-.]" are the byte that they name.
  void named(char kind) {
    const size_t end = in_.find(std::string{kind, ']'}, at_);
    const std::string name = in_.substr(at_, end == std::string::npos ? end : end - at_);
    if (end == std::string::npos || (kind != ':' && name.size() != 1)) {
      error_ = std::string("[") + kind + name + ": expected [:class:] or a single byte";
      return;
    }
    at_ = end + 2;
    if (kind == ':') {
      out_ += "[:" + name + ":]";
    } else {
      out_ += std::ispunct(static_cast<unsigned char>(name[0])) != 0 ? "\\" + name : name;
    }
  }

  const std::string& in_;
  size_t at_ = 0;
  std::string out_;
  std::string error_;
  size_t depth_ = 0;
  bool repeats_ = false;  // out_ ends in one of * + ?
};

RE2::Options options() {
  RE2::Options options;
  options.set_encoding(RE2::Options::EncodingLatin1);
  options.set_posix_syntax(true);
  options.set_perl_classes(true);   // \w \W \s \S, as the C library has them.
  options.set_word_boundary(true);  // \b \B
  options.set_one_line(true);
  options.set_dot_nl(true);
  options.set_never_capture(true);
  options.set_log_errors(false);
  options.set_max_mem(kMemoryMax);
  return options;
}

}  // namespace

Result<Regex> Regex::compile(const std::string& pattern) {
  if (pattern.size() > kPatternMax) {
    return Error{EINVAL, "longer than " + std::to_string(kPatternMax) + " bytes"};
  }
  const Result<std::string> text = Translation(pattern).text();
  if (!text) {
    return text.error();
  }
  auto compiled = std::make_shared<const RE2>(*text, options());
  if (!compiled->ok()) {
    return Error{EINVAL, compiled->error()};
  }
  return Regex(std::move(compiled));
}

bool Regex::found_in(std::string_view text) const {
  return RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *compiled_);
}

}  // namespace lvs
