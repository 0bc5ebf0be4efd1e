#include "lvsd/retries.h"

#include <algorithm>
#include <set>

namespace lvs::lvsd {
namespace {

struct TargetOf {
  OpTarget operator()(const ipvs::NewService& op) const { return {op.key, {}}; }
  OpTarget operator()(const ipvs::SetService& op) const { return {op.key, {}}; }
  OpTarget operator()(const ipvs::DelService& op) const { return {op.key, {}}; }
  OpTarget operator()(const ipvs::NewDest& op) const { return {op.service, op.key}; }
  OpTarget operator()(const ipvs::SetDest& op) const { return {op.service, op.key}; }
  OpTarget operator()(const ipvs::DelDest& op) const { return {op.service, op.key}; }
  OpTarget operator()(const ipvs::NewDaemon& op) const { return {{}, {}, op.daemon.role}; }
  OpTarget operator()(const ipvs::DelDaemon& op) const { return {{}, {}, op.role}; }
  template <typename Other>
  OpTarget operator()(const Other&) const {
    return {};
  }
};

OpTarget service_target(const OpTarget& target) {
  return {target.service, {}};
}

}  // namespace

OpTarget target_of(const ipvs::Request& request) {
  return std::visit(TargetOf{}, request);
}

bool is_unanswered(const std::optional<Error>& error) {
  return error && error->code == ENOBUFS;
}

std::vector<size_t> Retries::note(const std::vector<ipvs::Request>& ops, const OpErrors& errors,
                                  TimePoint now) {
  std::vector<size_t> begun;
  std::set<OpTarget> failed;
  std::set<OpTarget> missing;  // Services that could not be made.
  for (size_t i = 0; i < ops.size(); ++i) {
    const auto& error = errors[i];
    const OpTarget target = target_of(ops[i]);
    if (is_unanswered(error)) {
      continue;
    }
    if (!error) {
      if (!failed.contains(target)) {
        failures_.erase(target);
      }
      continue;
    }
    const bool is_consequence = target.server && missing.contains(service_target(target));
    if (is_consequence || !failed.insert(target).second) {
      continue;
    }
    if (std::holds_alternative<ipvs::NewService>(ops[i])) {
      // Without the service nothing can be said of its servers.
      missing.insert(target);
      std::erase_if(failures_, [&](const auto& held) {
        return held.first.server && service_target(held.first) == target;
      });
    }
    const auto [failure, is_new] = failures_.try_emplace(target);
    failure->second.retry_at = now + failure->second.backoff.failed();
    failure->second.count += 1;
    failure->second.what = error->what;
    if (is_new) {
      begun.push_back(i);
    }
  }
  return begun;
}

bool Retries::is_held(const OpTarget& target, TimePoint now) const {
  const auto failure = failures_.find(target);
  return failure != failures_.end() && failure->second.retry_at > now;
}

std::vector<ipvs::Request> Retries::due(std::vector<ipvs::Request> ops, TimePoint now) const {
  // A service that exists may have a failing edit; its servers go on. One that could not be made
  // takes its along.
  std::set<OpTarget> missing;
  std::erase_if(ops, [&](const ipvs::Request& op) {
    const OpTarget target = target_of(op);
    if (target.server && missing.contains(service_target(target))) {
      return true;
    }
    const bool held = is_held(target, now);
    if (held && std::holds_alternative<ipvs::NewService>(op)) {
      missing.insert(target);
    }
    return held;
  });
  return ops;
}

void Retries::keep_only(const std::vector<ipvs::Request>& ops,
                        const std::set<ipvs::ServiceKey>& services) {
  if (failures_.empty()) {
    return;
  }
  std::set<OpTarget> wanted;
  for (const auto& op : ops) {
    wanted.insert(target_of(op));
  }
  std::erase_if(failures_, [&](const auto& failure) {
    const auto& service = failure.first.service;
    return (!service || services.contains(*service)) && !wanted.contains(failure.first);
  });
}

std::vector<OpTarget> Retries::targets_due(TimePoint now) const {
  std::vector<OpTarget> targets;
  for (const auto& [target, failure] : failures_) {
    if (failure.retry_at <= now) {
      targets.push_back(target);
    }
  }
  return targets;
}

std::optional<TimePoint> Retries::next_at() const {
  std::optional<TimePoint> first;
  for (const auto& [target, failure] : failures_) {
    first = first ? std::min(*first, failure.retry_at) : failure.retry_at;
  }
  return first;
}

}  // namespace lvs::lvsd
