#include "common/config/read_block.h"

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <type_traits>

#include "common/config/foreign_words.h"
#include "common/config/schema.h"
#include "common/config/value_hints.h"
#include "common/nearest.h"

namespace lvs::config {

namespace {

constexpr size_t kQuotedMax = 60;  // Of a value that is repeated.
constexpr uint16_t kPortUntilGiven = 80;

template <typename B>
const Key<B>* find_key(const std::vector<Key<B>>& keys, std::string_view name) {
  const auto found =
      std::find_if(keys.begin(), keys.end(), [&](const Key<B>& key) { return key.name == name; });
  return found == keys.end() ? nullptr : &*found;
}

template <typename B>
std::string nearest_key(const std::vector<Key<B>>& keys, std::string_view name) {
  std::string small(name);
  std::transform(small.begin(), small.end(), small.begin(), [](unsigned char c) {
    return static_cast<char>(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
  });
  std::vector<std::string> names;
  for (const auto& key : keys) {
    names.push_back(key.name);
  }
  return find_key(keys, small) == nullptr ? nearest(names, name) : small;
}

// Of an address the value is repeated: it is what differs from one that would do.
template <typename B>
std::string refusal(const Key<B>& key, const std::string& value) {
  const bool repeats = key.type.find("address") != std::string::npos && !value.empty();
  const bool is_text = key.type == "one word, or a text in quotes";
  const std::string quoted = quoted_if_needed(value);
  return expectation(key) + (repeats ? ", not " + value.substr(0, kQuotedMax) : "") +
         (is_text && quoted != value && value.size() < kQuotedMax ? ": write " + quoted : "");
}

// "address = 10.0.0.11 active = 1", as in a block on one line. Empty: the value is one.
template <typename B>
std::string second_assignment(const Key<B>& key, const std::vector<Word>& words,
                              const std::vector<Key<B>>& keys) {
  const bool has_options = key.name == "check";
  for (size_t i = 1; i < words.size(); ++i) {
    const size_t equals = words[i].raw.find('=');
    const bool is_apart = i + 1 < words.size() && words[i + 1].raw == "=";
    const std::string name = words[i].raw.substr(0, equals);
    if (is_apart && has_options) {
      return "expected no blanks around the = of an option, as in " + name +
             "=..., and no second key on the line";
    }
    const bool is_key =
        equals != std::string::npos && !has_options && find_key(keys, name) != nullptr;
    if (is_apart || is_key) {
      return "expected one key on a line: " + name + " = begins another";
    }
  }
  return "";
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

constexpr std::array<std::string_view, 7> kMayWait = {
    "address", "primary", "primary_private", "backup", "backup_private", "witness", "nat_router"};

const std::vector<Key<Globals>>& keys_of(const Globals&) {
  return global_keys();
}
const std::vector<Key<VirtualService>>& keys_of(const VirtualService&) {
  return service_keys();
}
const std::vector<Key<RealServer>>& keys_of(const RealServer&) {
  return server_keys();
}

class BlockParser {
 public:
  explicit BlockParser(const Resolver& resolve) {
    if (resolve) {
      resolve_ = [this, &resolve](std::string_view name) {
        has_resolved_ = true;
        return resolve(name);
      };
    }
  }

  // Lines count from the block's first; outside all blocks they are the file's.
  ReadService read_service(const Block& block) {
    first_line_ = block.line;
    VirtualService service;
    std::optional<unsigned> mask;
    service.name = block.name;
    service.lines.in = SourceLines::In::service;
    read_keys(block, service_keys(), service, mask);
    service.waits = service.lines.waits_for("address");
    if (service.lines.waits_for("sorry_server")) {
      service.sorry_server.reset();
    }
    join_mask(service.address, mask, service.lines, "vip_nmask");
    refuse_ipv4_masks(service.address, service.lines);
    service.servers.reserve(block.children.size());
    for (const auto& child : block.children) {
      if (child.word == "server") {
        service.servers.push_back(read_server(child, service));
      }
    }
    return {std::move(service), std::move(diagnostics_), has_resolved_};
  }

  ReadGlobals read_globals(const Block& block) {
    Globals globals;
    std::optional<unsigned> mask;
    read_keys(block, global_keys(), globals, mask);
    join_mask(globals.nat_router, mask, globals.lines, "nat_nmask");
    refuse_ipv4_masks(globals.nat_router, globals.lines);
    resolve_directors(globals);
    return {std::move(globals), std::move(diagnostics_)};
  }

 private:
  RealServer read_server(const Block& block, const VirtualService& service) {
    RealServer server;
    std::optional<unsigned> no_mask;
    server.name = block.name;
    server.lines.in = SourceLines::In::server;
    read_keys(block, server_keys(), server, no_mask);
    server.waits = server.lines.waits_for("address");
    if (server.port_given) {
      return server;
    }
    server.port = service.port;
    if (service.port != kPortUntilGiven && service.lines.of("port") > server.lines.block) {
      note(Severity::strict, server.lines.block, "server",
           "the service's port stands below: this server would get port 80");
    }
    return server;
  }

  template <typename B>
  void read_keys(const Block& block, const std::vector<Key<B>>& keys, B& target,
                 std::optional<unsigned>& mask) {
    target.lines.block = line_of(block);
    target.lines.given.reserve(block.assignments.size());
    for (const auto& assignment : block.assignments) {
      const int line = line_of(assignment);
      const Key<B>* key = find_key(keys, assignment.key);
      if (key == nullptr) {
        const std::string guess = nearest_key(keys, assignment.key);
        const Key<B>* meant = find_key(keys, guess);
        if (!is_misplaced(block, assignment)) {
          refuse_unknown(assignment, guess);
          refuse(target.lines, meant == nullptr ? SourceLines::kAnyKey : place_in(keys, *meant),
                 line);
        }
        continue;
      }
      const uint32_t place = place_in(keys, *key);
      note_given(target.lines, place, assignment);
      if (key->since == Since::caribe) {
        note(Severity::strict, line, key->name, "unknown command");
      }
      if (!read_value(*key, assignment, target, mask)) {
        refuse(target.lines, place, line);
      }
    }
    if (block.has_unread_line) {
      refuse(target.lines, SourceLines::kAnyKey, target.lines.block);
    }
  }

  template <typename B>
  static uint32_t place_in(const std::vector<Key<B>>& keys, const Key<B>& key) {
    return static_cast<uint32_t>(&key - keys.data());
  }

  static SourceLines::Given* find_given(SourceLines& lines, uint32_t place) {
    const auto found = std::find_if(lines.given.begin(), lines.given.end(),
                                    [&](const auto& one) { return one.key == place; });
    return found == lines.given.end() ? nullptr : &*found;
  }

  void note_given(SourceLines& lines, uint32_t place, const Assignment& assignment) {
    const auto line = static_cast<uint32_t>(line_of(assignment));
    SourceLines::Given* earlier = find_given(lines, place);
    if (earlier == nullptr) {
      lines.given.push_back({place, 0, line});
      return;
    }
    if (earlier->refused == 0) {
      note(Severity::warning, line_of(assignment), assignment.key,
           "given before in line " + std::to_string(earlier->line + first_line_) +
               ": this one counts");
    }
    *earlier = {place, 0, line};
  }

  // What would be said of the key's value, or of its absence, is this fault told again.
  static void refuse(SourceLines& lines, uint32_t place, int line) {
    SourceLines::Given* given = find_given(lines, place);
    if (given == nullptr) {
      lines.given.push_back({place, 1, static_cast<uint32_t>(line)});
    } else if (static_cast<int>(given->line) == line) {
      given->refused = 1;
    }
  }

  // Without a resolver nothing that the reader needs itself may be a name.
  template <typename B>
  bool may_wait(const Key<B>& key, const B&) const {
    return std::is_same_v<B, RealServer> || key.name == "sorry_server" ||
           (resolve_ && std::find(kMayWait.begin(), kMayWait.end(), key.name) != kMayWait.end());
  }

  template <typename B>
  bool read_value(const Key<B>& key, const Assignment& assignment, B& target,
                  std::optional<unsigned>& mask) {
    const Words split = split_words(assignment.value);
    const std::string crowd = second_assignment(key, split.words, keys_of(target));
    if (!split.error.empty() || !crowd.empty()) {
      note(Severity::error, line_of(assignment), key.name, split.error + crowd);
      if (!crowd.empty()) {
        refuse(target.lines, SourceLines::kAnyKey, line_of(assignment));
      }
      return false;
    }
    std::vector<std::pair<Severity, std::string>> notes;
    std::vector<SourceLines::Name> given;
    bool is_ipv4_mask = false;
    const bool good =
        key.read(split.words, target,
                 Notes{resolve_, mask, notes, is_ipv4_mask, may_wait(key, target), given});
    if (is_ipv4_mask) {
      ipv4_masks_.insert(key.name);
    } else {
      ipv4_masks_.erase(key.name);
    }
    auto& names = target.lines.names;
    const auto place = static_cast<uint32_t>(&key - keys_of(target).data());
    std::erase_if(names, [&](const auto& earlier) { return earlier.key == place; });
    for (auto& name : given) {
      name.key = place;
      names.push_back(std::move(name));
    }
    const std::string slip = good ? "" : slip_hint(split.words);
    bool explained = false;
    for (auto& [severity, text] : notes) {
      const bool is_said = severity == Severity::error && !slip.empty();
      explained = explained || (severity == Severity::error && !is_said);
      if (!is_said) {
        note(severity, line_of(assignment), key.name, std::move(text));
      }
    }
    if (!slip.empty()) {
      note(Severity::error, line_of(assignment), key.name,
           expectation(key) + ", not " + assignment.value.substr(0, kQuotedMax) + ": " + slip);
    } else if (!good && !explained) {
      note(Severity::error, line_of(assignment), key.name, refusal(key, assignment.value));
    }
    return good;
  }

  // Looks like a key and is known to be none: then all is said.
  bool is_misplaced(const Block& block, const Assignment& assignment) {
    const std::string& word = block.word == "failover" ? "virtual" : block.word;
    for (const auto& known : misplaced_keys()) {
      if (known.block == word && known.key == assignment.key) {
        if (known.severity == Severity::warning) {
          note(Severity::strict, line_of(assignment), known.key, "unknown command");
        }
        note(known.severity, line_of(assignment), known.key, known.text);
        return true;
      }
    }
    return false;
  }

  void refuse_unknown(const Assignment& assignment, const std::string& guess) {
    std::string hint = home_of(assignment.key);
    hint = hint.empty() ? foreign_hint(assignment.key) : hint;
    if (hint.empty() && !guess.empty()) {
      hint = "did you mean " + guess + "?";
    }
    note(Severity::error, line_of(assignment), assignment.key,
         "unknown key" + (hint.empty() ? "" : ": " + hint));
  }

  // Its length would be that of a prefix of millions of networks.
  void refuse_ipv4_masks(const std::optional<FloatingAddress>& address, const SourceLines& lines) {
    if (!address || address->address.is_v4()) {
      return;
    }
    for (const auto& key : ipv4_masks_) {
      note(Severity::error, lines.of(key), key,
           "expected a prefix length (64), or nothing: the address is of IPv6");
    }
  }

  void join_mask(std::optional<FloatingAddress>& address, std::optional<unsigned> mask,
                 const SourceLines& lines, const std::string& key) {
    if (!mask || (!address && lines.refused(key == "nat_nmask" ? "nat_router" : "address"))) {
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
  void resolve_directors(Globals& globals) {
    for (const auto& [key, address] : {std::pair{"primary", &globals.primary},
                                       {"primary_private", &globals.primary_private},
                                       {"backup", &globals.backup},
                                       {"backup_private", &globals.backup_private}}) {
      if (globals.lines.waits_for(key)) {
        address->reset();
      }
    }
    if (globals.backup && globals.backup->is_unspecified()) {
      globals.backup.reset();
    }
    if (globals.backup_active && !globals.backup && !globals.lines.waits_for("backup")) {
      if (!globals.lines.refused("backup")) {
        note(Severity::warning, globals.lines.of("backup_active"), "backup_active",
             "there is no backup address: this director runs alone");
      }
      globals.backup_active = false;
    }
    if (globals.backup_private && !globals.primary_private &&
        !globals.lines.waits_for("primary_private") && !globals.lines.refused("primary_private")) {
      note(Severity::warning, globals.lines.of("backup_private"), "backup_private",
           "ignored without primary_private");
      globals.backup_private.reset();
    }
  }

  template <typename Placed>
  int line_of(const Placed& placed) const {
    return placed.line - first_line_;
  }

  void note(Severity severity, int line, std::string_view key, std::string text) {
    diagnostics_.push_back({severity, "", line, std::string(key), std::move(text)});
  }

  Resolver resolve_;
  int first_line_ = 0;
  bool has_resolved_ = false;
  Diagnostics diagnostics_;
  std::set<std::string> ipv4_masks_;  // Keys whose values are some.
};

}  // namespace

ReadService read_service(const Block& block, const Resolver& resolve) {
  return BlockParser(resolve).read_service(block);
}

ReadGlobals read_globals(const Block& block, const Resolver& resolve) {
  return BlockParser(resolve).read_globals(block);
}

}  // namespace lvs::config
