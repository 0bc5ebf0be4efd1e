#include "lvsd/unserved.h"

#include <algorithm>
#include <string_view>

namespace lvs::lvsd {
namespace {

// Of the servers that take no connections, how many for which cause.
struct Tally {
  size_t down = 0;
  size_t unchecked = 0;
  size_t cut = 0;
  size_t weightless = 0;
  size_t unheard = 0;             // Of those that are unchecked.
  std::string why_not_checked{};  // The first one's.

  size_t all() const { return down + unchecked + cut + weightless; }
  void add_unchecked(const Verdict* told) {
    constexpr std::string_view kLead = "not checked: ";
    ++unchecked;
    if (told == nullptr) {
      ++unheard;
    } else if (why_not_checked.empty()) {
      why_not_checked = told->reason.substr(told->reason.starts_with(kLead) ? kLead.size() : 0);
    }
  }
  std::string check_trouble() const {
    return why_not_checked.empty() ? "no check has ended yet" : why_not_checked;
  }
};

std::string why_none(const config::VirtualService& service) {
  const bool any_waits = std::any_of(service.servers.begin(), service.servers.end(),
                                     [](const auto& each) { return each.active && each.waits; });
  return any_waits ? "the names of its servers have no address yet" : "it has no active server";
}

std::string words_of(const Tally& tally) {
  const auto is_all = [&](size_t count) { return count == tally.all(); };
  if (is_all(tally.unchecked)) {
    return "no server was ever checked: " + tally.check_trouble();
  }
  if (is_all(tally.down)) {
    return "all its servers are down";
  }
  if (is_all(tally.cut)) {
    return "this director has no way to its servers";
  }
  if (is_all(tally.weightless)) {
    return "its servers have weight 0";
  }
  std::string text;
  for (const auto& [count, what] :
       {std::pair{tally.down, std::string("down")},
        {tally.unchecked, "never checked (" + tally.check_trouble() + ")"},
        {tally.cut, "without a way to it"},
        {tally.weightless, "of weight 0"}}) {
    text += count == 0 ? "" : (text.empty() ? "" : ", ") + std::to_string(count) + " " + what;
  }
  return "of its servers " + text;
}

}  // namespace

Unserved why_unserved(const config::VirtualService& service, const ipvs::Entry& entry,
                      const std::map<ipvs::DestKey, Standing>& standings, const ToldOf& told_of) {
  Tally tally;
  for (const auto& [server, standing] : standings) {
    if (standing == Standing::draining) {
      continue;
    }
    const Verdict* told = told_of(server);
    const auto dest = entry.dests.find(server);
    const bool takes = dest != entry.dests.end() && dest->second.weight > 0;
    if (takes && (told == nullptr || told->has_way)) {
      return {};
    }
    if (takes) {
      ++tally.cut;
    } else if (standing == Standing::unknown) {
      tally.add_unchecked(told);
    } else if (standing == Standing::down || standing == Standing::quiesced) {
      ++tally.down;
    } else {
      ++tally.weightless;
    }
  }
  return tally.all() == 0 ? Unserved{why_none(service)}
                          : Unserved{words_of(tally), tally.unheard == 0};
}

void UnservedWatch::note(const ipvs::ServiceKey& key, const config::VirtualService& service,
                         Unserved found, TimePoint now, Actions& actions) {
  const auto known = cases_.find(key);
  if (found.why.empty()) {
    if (known != cases_.end() && !known->second.tell_at) {
      actions.push_back(Log{{Level::notice,
                             "service-served",
                             "",
                             {{"service", ipvs::to_string(key)}, {"name", service.name}}}});
    }
    return forget(key);
  }
  const bool is_new = known == cases_.end();
  Case& unserved = is_new ? cases_[key] : known->second;
  unserved.name = service.name;
  unserved.why = std::move(found.why);
  if (is_new) {
    const Duration check = config::effective_interval(service) + service.timeout;
    unserved.tell_at = now + kChecksWaitedFor * check;
    due_.emplace(*unserved.tell_at, key);
  }
  if (found.is_decided && unserved.tell_at) {
    due_.erase({*unserved.tell_at, key});
    tell(key, unserved, actions);
  }
}

void UnservedWatch::forget(const ipvs::ServiceKey& key) {
  const auto known = cases_.find(key);
  if (known == cases_.end()) {
    return;
  }
  if (known->second.tell_at) {
    due_.erase({*known->second.tell_at, key});
  }
  cases_.erase(known);
}

void UnservedWatch::tell_due(TimePoint now, Actions& actions) {
  while (!due_.empty() && due_.begin()->first <= now) {
    const ipvs::ServiceKey key = due_.begin()->second;
    due_.erase(due_.begin());
    tell(key, cases_.at(key), actions);
  }
}

std::optional<TimePoint> UnservedWatch::wake_at() const {
  return due_.empty() ? std::nullopt : std::optional(due_.begin()->first);
}

void UnservedWatch::tell(const ipvs::ServiceKey& key, Case& unserved, Actions& actions) {
  unserved.tell_at.reset();
  actions.push_back(
      Log{{Level::warning,
           "service-unserved",
           "",
           {{"service", ipvs::to_string(key)}, {"name", unserved.name}, {"why", unserved.why}}}});
}

}  // namespace lvs::lvsd
