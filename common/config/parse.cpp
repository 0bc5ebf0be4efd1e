#include "common/config/parse.h"

#include <algorithm>

#include "common/config/lines.h"
#include "common/config/schema.h"
#include "common/config/validate.h"

namespace lvs::config {

namespace {

constexpr size_t kFarthestGuess = 2;  // Edits between an unknown key and the one that was meant.
constexpr uint16_t kPortUntilGiven = 80;

size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) {
    row[j] = j;
  }
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

template <typename B>
const Key<B>* find_key(const std::vector<Key<B>>& keys, std::string_view name) {
  const auto found =
      std::find_if(keys.begin(), keys.end(), [&](const Key<B>& key) { return key.name == name; });
  return found == keys.end() ? nullptr : &*found;
}

template <typename B>
std::string nearest(const std::vector<Key<B>>& keys, std::string_view name) {
  std::string best;
  size_t least = kFarthestGuess + 1;
  for (const auto& key : keys) {
    const size_t distance = edit_distance(name, key.name);
    if (distance < least && distance < name.size()) {
      least = distance;
      best = key.name;
    }
  }
  return best;
}

// Where else a key is known, for one that was written in the wrong block.
std::string home_of(std::string_view name) {
  if (find_key(global_keys(), name) != nullptr) {
    return "it belongs outside all blocks";
  }
  if (find_key(service_keys(), name) != nullptr) {
    return "it belongs in a virtual block";
  }
  if (find_key(server_keys(), name) != nullptr) {
    return "it belongs in a server block";
  }
  return "";
}

class Parser {
 public:
  Parser(std::string_view file, const Resolver& resolve) : file_(file), resolve_(resolve) {}

  Parsed run(std::string_view text) {
    if (text.size() > kMaxFileBytes) {
      note(Severity::error, 1, "", "expected a file of at most 4 MiB");
      return {std::nullopt, std::move(diagnostics_)};
    }
    if (text.empty()) {
      note(Severity::error, 1, "", "Empty configuration");
      return {std::nullopt, std::move(diagnostics_)};
    }
    Lines lines = read_lines(text, file_);
    diagnostics_ = std::move(lines.diagnostics);
    Config config = read_globals(std::move(lines.globals));
    add_unless_said(validate(config, file_));
    for (auto& diagnostic : diagnostics_) {
      diagnostic.line = std::max(diagnostic.line, 1);  // What is missing has no line of its own.
    }
    std::stable_sort(diagnostics_.begin(), diagnostics_.end(),
                     [](const Diagnostic& a, const Diagnostic& b) { return a.line < b.line; });
    if (has_errors(diagnostics_)) {
      return {std::nullopt, std::move(diagnostics_)};
    }
    return {std::move(config), std::move(diagnostics_)};
  }

 private:
  // A value that could not be read would also break the rules about it.
  void add_unless_said(Diagnostics more) {
    const auto is_said = [this](const Diagnostic& d) {
      return std::any_of(diagnostics_.begin(), diagnostics_.end(), [&](const Diagnostic& said) {
        return said.severity == Severity::error && said.line == d.line && said.key == d.key;
      });
    };
    std::erase_if(more, is_said);
    diagnostics_.insert(diagnostics_.end(), more.begin(), more.end());
  }

  // Gives back each block once it is read: a large file is not in memory twice.
  Config read_globals(Block globals) {
    Config config;
    std::optional<unsigned> mask;
    read_keys(globals, global_keys(), config, mask);
    join_mask(config.nat_router, mask, config.lines, "nat_nmask");
    resolve_directors(config);
    for (Block& child : globals.children) {
      const Block block = std::move(child);
      if (block.word == "virtual") {
        config.virtuals.push_back(read_service(block));
      } else if (block.word == "failover") {
        config.failovers.push_back(read_service(block));
      }
    }
    return config;
  }

  VirtualService read_service(const Block& block) {
    VirtualService service;
    std::optional<unsigned> mask;
    service.name = block.name;
    read_keys(block, service_keys(), service, mask);
    join_mask(service.address, mask, service.lines, "vip_nmask");
    service.servers.reserve(block.children.size());
    for (const auto& child : block.children) {
      if (child.word == "server") {
        service.servers.push_back(read_server(child, service));
      }
    }
    return service;
  }

  RealServer read_server(const Block& block, const VirtualService& service) {
    RealServer server;
    std::optional<unsigned> no_mask;
    server.name = block.name;
    read_keys(block, server_keys(), server, no_mask);
    if (server.port_given) {
      return server;
    }
    server.port = service.port;
    if (service.port != kPortUntilGiven && service.lines.of("port") > block.line) {
      note(Severity::strict, block.line, "server",
           "the service's port stands below: this server would get port 80");
    }
    return server;
  }

  template <typename B>
  void read_keys(const Block& block, const std::vector<Key<B>>& keys, B& target,
                 std::optional<unsigned>& mask) {
    target.lines.block = block.line;
    target.lines.keys.reserve(block.assignments.size());
    for (const auto& assignment : block.assignments) {
      const Key<B>* key = find_key(keys, assignment.key);
      if (key == nullptr) {
        refuse_unknown(block, assignment, nearest(keys, assignment.key));
        continue;
      }
      auto& known = target.lines.keys;
      const auto earlier = std::find_if(
          known.begin(), known.end(), [&](const auto& given) { return given.first == key->name; });
      if (earlier != known.end()) {
        note(Severity::warning, assignment.line, key->name,
             "given before in line " + std::to_string(earlier->second) + ": this one counts");
        earlier->second = assignment.line;
      } else {
        known.emplace_back(key->name, assignment.line);
      }
      if (key->since == Since::caribe) {
        note(Severity::strict, assignment.line, key->name, "unknown command");
      }
      read_value(*key, assignment, target, mask);
    }
  }

  template <typename B>
  void read_value(const Key<B>& key, const Assignment& assignment, B& target,
                  std::optional<unsigned>& mask) {
    const Words split = split_words(assignment.value);
    if (!split.error.empty()) {
      return note(Severity::error, assignment.line, key.name, split.error);
    }
    std::vector<std::pair<Severity, std::string>> notes;
    const bool good = key.read(split.words, target, Notes{resolve_, mask, notes});
    bool explained = false;
    for (auto& [severity, text] : notes) {
      explained = explained || severity == Severity::error;
      note(severity, assignment.line, key.name, std::move(text));
    }
    if (!good && !explained) {
      note(Severity::error, assignment.line, key.name, expectation(key));
    }
  }

  void refuse_unknown(const Block& block, const Assignment& assignment, const std::string& guess) {
    const std::string& word = block.word == "failover" ? "virtual" : block.word;
    for (const auto& known : misplaced_keys()) {
      if (known.block == word && known.key == assignment.key) {
        if (known.severity == Severity::warning) {
          note(Severity::strict, assignment.line, known.key, "unknown command");
        }
        return note(known.severity, assignment.line, known.key, known.text);
      }
    }
    std::string hint = home_of(assignment.key);
    if (hint.empty() && !guess.empty()) {
      hint = "did you mean " + guess + "?";
    }
    note(Severity::error, assignment.line, assignment.key,
         "unknown key" + (hint.empty() ? "" : ": " + hint));
  }

  void join_mask(std::optional<FloatingAddress>& address, std::optional<unsigned> mask,
                 const SourceLines& lines, const std::string& key) {
    if (!mask) {
      return;
    }
    if (!address) {
      return note(Severity::warning, lines.of(key), key, "no address for this netmask: ignored");
    }
    const unsigned longest = address->address.is_v4() ? 32 : 128;
    if (*mask > longest) {
      return note(Severity::error, lines.of(key), key,
                  "expected a netmask of the address's family");
    }
    address->prefix = mask;
  }

  // Piranha's rules about who the directors are.
  void resolve_directors(Config& config) {
    if (config.backup && config.backup->is_unspecified()) {
      config.backup.reset();
    }
    if (config.backup_active && !config.backup) {
      note(Severity::warning, config.lines.of("backup_active"), "backup_active",
           "there is no backup address: this director runs alone");
      config.backup_active = false;
    }
    if (config.backup_private && !config.primary_private) {
      note(Severity::warning, config.lines.of("backup_private"), "backup_private",
           "ignored without primary_private");
      config.backup_private.reset();
    }
  }

  void note(Severity severity, int line, std::string_view key, std::string text) {
    diagnostics_.push_back({severity, file_, line, std::string(key), std::move(text)});
  }

  std::string file_;
  const Resolver& resolve_;
  Diagnostics diagnostics_;
};

}  // namespace

Parsed parse(std::string_view text, std::string_view file, const Resolver& resolve) {
  return Parser(file, resolve).run(text);
}

}  // namespace lvs::config
