#include "common/config/parse.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/config/lines.h"
#include "common/config/not_in_effect.h"
#include "common/config/read_block.h"
#include "common/config/unsupported.h"
#include "common/config/validate.h"

namespace lvs::config {

namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

// A virtual or failover block of the file, and all that is to be said of it by itself.
struct Piece {
  std::string_view text;  // Its lines, if the same lines would give the same again; else empty.
  int number_of_lines = 0;
  bool has_resolved = false;
  bool is_failover = false;
  Blocks<VirtualService>::Entry entry;
  Diagnostics read;  // Lines of these are the block's own.
  struct Judged {    // Beside the globals of the file.
    Diagnostics rules;
    Diagnostics later;
  };
  std::optional<Judged> judged;
};

// The pieces of the last reading, in the order of their file. A block is mostly found where it was.
class KnownPieces {
 public:
  explicit KnownPieces(std::vector<Piece> pieces) : pieces_(std::move(pieces)) {}

  // The piece whose lines `rest` begins with. Each is given once.
  std::optional<Piece> take(std::string_view rest) {
    if (next_ < pieces_.size() && is_at(pieces_[next_], rest)) {
      return give(next_);
    }
    if (!may_open_a_block(rest)) {
      return std::nullopt;
    }
    if (by_first_line_.empty()) {
      for (size_t i = next_; i < pieces_.size(); ++i) {
        by_first_line_.emplace(first_line_of(pieces_[i].text), i);
      }
    }
    const auto [begin, end] = by_first_line_.equal_range(first_line_of(rest));
    for (auto known = begin; known != end; ++known) {
      if (is_at(pieces_[known->second], rest)) {
        return give(known->second);
      }
    }
    return std::nullopt;
  }

 private:
  static std::string_view first_line_of(std::string_view text) { return take_first_line(text); }

  static bool may_open_a_block(std::string_view rest) {
    rest.remove_prefix(std::min(rest.find_first_not_of(" \t"), rest.size()));
    return rest.starts_with("virtual") || rest.starts_with("failover");
  }

  // Whole lines: what follows the text must be the start of another.
  static bool is_at(const Piece& piece, std::string_view rest) {
    return !piece.text.empty() && rest.starts_with(piece.text) &&
           (piece.text.ends_with('\n') || rest.size() == piece.text.size());
  }

  Piece give(size_t i) {
    next_ = i + 1;
    Piece given = std::move(pieces_[i]);
    pieces_[i].text = {};
    return given;
  }

  std::vector<Piece> pieces_;
  size_t next_ = 0;  // Behind the one that was given last.
  std::unordered_multimap<std::string_view, size_t> by_first_line_;
};

bool are_all_strict(const Diagnostics& diagnostics) {
  return std::all_of(diagnostics.begin(), diagnostics.end(),
                     [](const Diagnostic& d) { return d.severity == Severity::strict; });
}

// One reading of one text.
class Reading {
 public:
  Reading(std::string_view text, const Resolver& resolve, Severity least, KnownPieces known)
      : rest_(text), resolve_(resolve), least_(least), known_(std::move(known)) {
    if (rest_.starts_with(kByteOrderMark)) {
      rest_.remove_prefix(kByteOrderMark.size());
    }
  }

  void run() {
    while (!rest_.empty()) {
      if (auto piece = known_.take(rest_)) {
        take_known(*std::move(piece));
      } else {
        take_lines();
      }
    }
    lines_.finish();
    take_blocks();
    add(0, lines_.take_diagnostics(), found_);
    auto read = read_globals(lines_.take_globals(), resolve_);
    globals_ = std::move(read.globals);
    add(0, std::move(read.diagnostics), found_);
  }

  Globals take_globals() { return std::move(globals_); }
  std::vector<Piece> take_pieces() { return std::move(pieces_); }  // Not judged unless known.
  Diagnostics take_found() { return std::move(found_); }  // Outside the pieces; the file's lines.

 private:
  void add(int lines_on, Diagnostics diagnostics, Diagnostics& to) const {
    for (auto& diagnostic : diagnostics) {
      if (diagnostic.severity <= least_) {
        diagnostic.line += lines_on;
        to.push_back(std::move(diagnostic));
      }
    }
  }

  void take_known(Piece piece) {
    piece.entry.line = lines_.line() + 1;
    lines_.skip_lines(piece.number_of_lines);
    const size_t size = piece.text.size();
    piece.text = rest_.substr(0, size);
    rest_.remove_prefix(size);
    pieces_.push_back(std::move(piece));
  }

  // From between two blocks to between two blocks: one line, or a block of them.
  void take_lines() {
    const std::string_view begin = rest_;
    const size_t pieces_before = pieces_.size();
    do {
      lines_.take_line(take_first_line(rest_));
      take_blocks();
    } while (!rest_.empty() && !lines_.is_between_blocks());
    auto said = lines_.take_diagnostics();
    if (pieces_.size() == pieces_before + 1 && are_all_strict(said)) {
      remember(pieces_.back(), begin.substr(0, begin.size() - rest_.size()), said);
    }
    add(0, std::move(said), found_);
  }

  void take_blocks() {
    for (const Block& block : lines_.take_blocks()) {
      if (block.word != "virtual" && block.word != "failover") {
        continue;
      }
      auto read = read_service(block, resolve_);
      Piece piece;
      piece.is_failover = block.word == "failover";
      piece.entry = {std::make_shared<const VirtualService>(std::move(read.service)), block.line};
      piece.has_resolved = read.has_resolved;
      add(0, std::move(read.diagnostics), piece.read);
      pieces_.push_back(std::move(piece));
    }
  }

  // Not what is complained of: complaints name lines. Not where a name was looked up, nor CR-LF,
  // which is said once in a file.
  void remember(Piece& piece, std::string_view text, Diagnostics& said) const {
    const bool has_cr = text.find('\r') != std::string_view::npos;
    if (piece.has_resolved || has_cr || !are_all_strict(piece.read)) {
      return;
    }
    piece.text = text;
    piece.number_of_lines = lines_.line() + 1 - piece.entry.line;
    add(-piece.entry.line, std::exchange(said, {}), piece.read);
  }

  std::string_view rest_;
  const Resolver& resolve_;
  const Severity least_;
  KnownPieces known_;
  LineReader lines_;
  Globals globals_;
  std::vector<Piece> pieces_;
  Diagnostics found_;
};

void judge(Piece& piece, const Globals& globals) {
  const VirtualService& service = *piece.entry.block;
  piece.judged.emplace();
  if (piece.is_failover) {
    piece.judged->later = failover_not_in_effect();
    return;
  }
  piece.judged->rules = broken_rules(globals, service, piece.entry.line);
  piece.judged->later = not_in_effect(service, globals.core);
  if (has_errors(piece.judged->rules)) {
    piece.text = {};  // They name lines.
  }
}

Config assemble(const Globals& globals, const std::vector<Piece>& pieces) {
  Config config;
  static_cast<Globals&>(config) = globals;
  for (const auto& piece : pieces) {
    (piece.is_failover ? config.failovers : config.virtuals).push_back(piece.entry);
  }
  return config;
}

// Diagnostics of blocks and of the file, brought together.
class Report {
 public:
  explicit Report(std::string_view file) : file_(file) {}

  void add(const Diagnostics& diagnostics, int first_line = 0) {
    for (const auto& diagnostic : diagnostics) {
      all_.push_back(diagnostic);
      all_.back().file = file_;
      all_.back().line += first_line;
    }
  }

  // A value that could not be read would also break the rules about it: one complaint is enough.
  // `is_clear`: all that they judge could be read. Otherwise a warning may come of what was not,
  // and so may the one that nothing is served, which has no key.
  void add_unless_said(const Diagnostics& rules, bool is_clear, int first_line = 0) {
    const bool has_said_errors = has_errors();
    for (const auto& rule : rules) {
      const auto is_about_it = [&](const Diagnostic& said) {
        return said.severity == Severity::error && said.line == rule.line + first_line &&
               said.key == rule.key;
      };
      const bool is_doubtful = !is_clear && (rule.severity != Severity::error || rule.key.empty());
      if (!is_doubtful &&
          (!has_said_errors || std::none_of(all_.begin(), all_.end(), is_about_it))) {
        add({rule}, first_line);
      }
    }
  }

  bool has_errors() const { return config::has_errors(all_); }

  Diagnostics in_order() {
    for (auto& diagnostic : all_) {
      diagnostic.line = std::max(diagnostic.line, 1);  // What is missing has no line of its own.
    }
    std::stable_sort(all_.begin(), all_.end(),
                     [](const Diagnostic& a, const Diagnostic& b) { return a.line < b.line; });
    return std::move(all_);
  }

  Diagnostics as_added() { return std::move(all_); }

 private:
  std::string file_;
  Diagnostics all_;
};

Diagnostics diagnose(const Config& config, const std::vector<Piece>& pieces,
                     const Diagnostics& found, std::string_view file) {
  Report report(file);
  report.add(found);
  for (const auto& piece : pieces) {
    report.add(piece.read, piece.entry.line);
  }
  report.add_unless_said(broken_rules(config), !report.has_errors());
  const bool is_outside_clear = !has_errors(found);
  for (const auto& piece : pieces) {
    report.add_unless_said(piece.judged->rules, is_outside_clear && !has_errors(piece.read),
                           piece.entry.line);
  }
  if (!report.has_errors()) {
    report.add(unsupported(config));
  }
  return report.in_order();
}

Diagnostics all_not_in_effect(const Globals& globals, const std::vector<Piece>& pieces,
                              std::string_view file) {
  Report report(file);
  report.add(not_in_effect(globals));
  for (const auto& piece : pieces) {
    report.add(piece.judged->later, piece.entry.line);
  }
  return report.as_added();
}

}  // namespace

struct ConfigReader::Memory {
  std::string text;
  Globals globals;
  std::vector<Piece> pieces;  // Their texts are parts of this one.
};

ConfigReader::ConfigReader(std::string file, Resolver resolve, Severity least)
    : file_(std::move(file)),
      resolve_(std::move(resolve)),
      least_(least),
      memory_(std::make_unique<Memory>()) {
}
ConfigReader::~ConfigReader() = default;
ConfigReader::ConfigReader(ConfigReader&&) noexcept = default;
ConfigReader& ConfigReader::operator=(ConfigReader&&) noexcept = default;

Parsed ConfigReader::read(std::string text) {
  const auto refused = [this](const char* why) {
    return Parsed{std::nullopt, {{Severity::error, file_, 1, "", why}}, {}};
  };
  if (text.size() > kMaxFileBytes) {
    return refused("expected a file of at most 4 MiB");
  }
  if (text.empty()) {
    return refused("Empty configuration");
  }
  auto next = std::make_unique<Memory>();
  next->text = std::move(text);
  Reading reading(next->text, resolve_, least_, KnownPieces(std::move(memory_->pieces)));
  reading.run();
  next->globals = reading.take_globals();
  next->pieces = reading.take_pieces();
  const bool is_same_outside = next->globals == memory_->globals;
  for (auto& piece : next->pieces) {
    if (!piece.judged || !is_same_outside) {
      judge(piece, next->globals);
    }
  }
  spent_ = std::move(memory_->text);
  memory_ = std::move(next);
  const auto& pieces = memory_->pieces;
  Config config = assemble(memory_->globals, pieces);
  Parsed parsed{std::nullopt, diagnose(config, pieces, reading.take_found(), file_), {}};
  if (!has_errors(parsed.diagnostics)) {
    parsed.not_in_effect = all_not_in_effect(config, pieces, file_);
    parsed.config = std::move(config);
  }
  return parsed;
}

Parsed parse(std::string_view text, std::string_view file, const Resolver& resolve,
             Severity least) {
  return ConfigReader(std::string(file), resolve, least).read(std::string(text));
}

}  // namespace lvs::config
