// The one table that knows everything about a key of lvs.cf: how it is read and printed, its type,
// range and default, one line of help, since when it exists, and whether what it asks for is in
// effect yet. Parser, writer, not_in_effect, lvs.cf(5) and the example file are made from it. Keys
// stand in the order in which the configuration tool writes them.
#pragma once

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "common/config/diagnostic.h"
#include "common/config/model.h"
#include "common/config/parse.h"
#include "common/config/text.h"

namespace lvs::config {

enum class Since { piranha, caribe };
enum class Written { if_changed, always };

// What a key's reader may use besides the words.
struct Notes {
  const Resolver& resolve;
  std::optional<unsigned>&
      netmask;  // vip_nmask, nat_nmask: joined to the address when the block is read.
  std::vector<std::pair<Severity, std::string>>& notes;
  bool& is_ipv4_mask;
  bool may_wait;                          // For a name to get an address.
  std::vector<SourceLines::Name>& names;  // That stood for addresses.

  // What is wrong with the value, where "expected TYPE, RANGE" is too little to say.
  void error(std::string text) const { notes.emplace_back(Severity::error, std::move(text)); }
  void warn(std::string text) const { notes.emplace_back(Severity::warning, std::move(text)); }
  void strict(std::string text) const { notes.emplace_back(Severity::strict, std::move(text)); }
};

template <typename B>
struct Key {
  std::string name;
  std::string type;   // "a duration"
  std::string range;  // "10ms to 1h"; may be empty
  // False: the words are not of this type.
  std::function<bool(const std::vector<Word>&, B&, const Notes&)> read;
  std::function<std::string(const B&)> print;  // Empty: nothing to write.
  std::string fallback;                        // The default as one would write it; empty: none.
  std::string help;
  std::string example;  // A value for the example file; empty: commented out.
  Since since = Since::piranha;
  Written written = Written::if_changed;
  // Why what the block asks for by this key is not in effect yet with this core; empty: it is.
  std::function<std::string(const B&, CoreKind)> later = {};
};

// "expected a duration, 10ms to 1h"
template <typename B>
std::string expectation(const Key<B>& key) {
  return "expected " + key.type + (key.range.empty() ? "" : ", " + key.range);
}

// The key's line without its indent, or empty when the writer leaves it out.
template <typename B>
std::string written_line(const Key<B>& key, const B& block) {
  const std::string value = block.lines.with_names(key.name, key.print(block));
  const bool wanted = key.written == Written::always || value != key.print(B{});
  return value.empty() || !wanted ? "" : key.name + " = " + value;
}

const std::vector<Key<Globals>>& global_keys();
const std::vector<Key<VirtualService>>& service_keys();  // virtual and failover
const std::vector<Key<RealServer>>& server_keys();

// Words that look like keys and are none, with what to say about them.
struct Misplaced {
  std::string block;  // "" globals, "virtual", "server"
  std::string key;
  Severity severity;
  std::string text;
};
const std::vector<Misplaced>& misplaced_keys();

}  // namespace lvs::config
