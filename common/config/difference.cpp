#include "common/config/difference.h"

#include <map>
#include <set>
#include <string_view>

#include "common/config/schema.h"

namespace lvs::config {
namespace {

using Lines = std::vector<std::string>;

template <typename B>
std::string value_of(const Key<B>& key, const B& block) {
  const std::string value = block.lines.with_names(key.name, key.print(block));
  return value.empty() ? "nothing" : value;
}

template <typename B>
void compare_keys(const std::string& place, const std::vector<Key<B>>& keys, const B& now,
                  const B& then, Lines& lines) {
  const std::string lead = place.empty() ? "" : place + ": ";
  const std::string verb = place.empty() ? ": from " : " from ";
  for (const auto& key : keys) {
    const std::string was = value_of(key, now);
    const std::string is = value_of(key, then);
    if (was != is && key.name != "serial_no") {
      lines.push_back(lead + key.name + verb + was + " to " + is);
    }
  }
}

template <typename List>
auto by_name(const List& blocks) {
  std::map<std::string_view, decltype(&*blocks.begin())> named;
  for (const auto& block : blocks) {
    named.emplace(block.name, &block);
  }
  return named;
}

// `compare(place, one, other)` for what is not the same in both.
template <typename List, typename Compare>
void compare_blocks(const std::string& lead, const List& now, const List& then, Lines& lines,
                    const Compare& compare) {
  const auto before = by_name(now);
  const auto after = by_name(then);
  for (const auto& block : now) {
    if (!after.contains(block.name)) {
      lines.push_back(lead + block.name + ": gone");
    }
  }
  for (const auto& block : then) {
    const auto found = before.find(block.name);
    if (found == before.end()) {
      lines.push_back(lead + block.name + ": new");
    } else if (*found->second != block) {
      compare(lead + block.name, *found->second, block);
    }
  }
}

void compare_services(const std::string& kind, const Blocks<VirtualService>& now,
                      const Blocks<VirtualService>& then, Lines& lines) {
  const auto compare_server = [&](const std::string& place, const RealServer& was,
                                  const RealServer& is) {
    compare_keys(place, server_keys(), was, is, lines);
  };
  compare_blocks(
      kind + " ", now, then, lines,
      [&](const std::string& place, const VirtualService& was, const VirtualService& is) {
        compare_keys(place, service_keys(), was, is, lines);
        compare_blocks(place + ", server ", was.servers, is.servers, lines, compare_server);
      });
}

}  // namespace

std::vector<std::string> differences(const Config& now, const Config& then) {
  Lines lines;
  compare_keys<Globals>("", global_keys(), now, then, lines);
  compare_services("virtual", now.virtuals, then.virtuals, lines);
  compare_services("failover", now.failovers, then.failovers, lines);
  return lines;
}

std::string restart_needed(const Config& now, const Config& then, const std::string& file) {
  static const std::set<std::string> kSettled = {
      "primary",       "primary_private", "backup", "backup_private",
      "backup_active", "heartbeat_port",  "core"};
  const Globals& was = now;
  const Globals& is = then;
  for (const auto& key : global_keys()) {
    if (kSettled.contains(key.name) && value_of(key, was) != value_of(key, is)) {
      return file + ":" + std::to_string(is.lines.of(key.name)) + ": " + key.name +
             ": another value needs a restart: service pulse restart, on the standby first";
    }
  }
  return "";
}

}  // namespace lvs::config
