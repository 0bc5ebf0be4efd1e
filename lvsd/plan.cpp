#include "lvsd/plan.h"

namespace lvs::lvsd {
namespace {

using Ops = std::vector<ipvs::Request>;

void plan_new_service(const ipvs::ServiceKey& key, const ipvs::Entry& wanted, Ops& ops) {
  ops.push_back(ipvs::NewService{key, wanted.service});
  for (const auto& [server, dest] : wanted.dests) {
    ops.push_back(ipvs::NewDest{key, server, dest});
  }
}

void plan_known_service(const ipvs::ServiceKey& key, const ipvs::Entry& held,
                        const ipvs::Entry& wanted, Ops& ops) {
  if (held.service != wanted.service) {
    ops.push_back(ipvs::SetService{key, wanted.service});
  }
  for (const auto& [server, dest] : held.dests) {
    if (!wanted.dests.contains(server)) {
      ops.push_back(ipvs::DelDest{key, server});
    }
  }
  for (const auto& [server, dest] : wanted.dests) {
    const auto there = held.dests.find(server);
    if (there == held.dests.end()) {
      ops.push_back(ipvs::NewDest{key, server, dest});
    } else if (there->second != dest) {
      ops.push_back(ipvs::SetDest{key, server, dest});
    }
  }
}

void plan_unwanted_service(const ipvs::ServiceKey& key, const ipvs::Table& desired,
                           const std::set<ipvs::ServiceKey>& owned, Ops& ops) {
  if (!desired.contains(key) && owned.contains(key)) {
    ops.push_back(ipvs::DelService{key});
  }
}

struct Applier {
  ipvs::Table& table;

  ipvs::Entry* entry(const ipvs::ServiceKey& key) {
    const auto found = table.find(key);
    return found == table.end() ? nullptr : &found->second;
  }
  ipvs::Dest* dest(const ipvs::ServiceKey& service, const ipvs::DestKey& key) {
    ipvs::Entry* const held = entry(service);
    if (held == nullptr) {
      return nullptr;
    }
    const auto found = held->dests.find(key);
    return found == held->dests.end() ? nullptr : &found->second;
  }

  bool operator()(const ipvs::NewService& op) {
    return table.emplace(op.key, ipvs::Entry{op.service, {}}).second;
  }
  bool operator()(const ipvs::SetService& op) {
    ipvs::Entry* const held = entry(op.key);
    if (held == nullptr) {
      return false;
    }
    const uint32_t kept = held->service.flags & ~op.flags_mask;
    held->service = op.service;
    held->service.flags = kept | (op.service.flags & op.flags_mask);
    return true;
  }
  bool operator()(const ipvs::DelService& op) { return table.erase(op.key) == 1; }
  bool operator()(const ipvs::NewDest& op) {
    ipvs::Entry* const held = entry(op.service);
    return held != nullptr && held->dests.emplace(op.key, op.dest).second;
  }
  bool operator()(const ipvs::SetDest& op) {
    ipvs::Dest* const held = dest(op.service, op.key);
    if (held == nullptr) {
      return false;
    }
    *held = op.dest;
    return true;
  }
  bool operator()(const ipvs::DelDest& op) {
    ipvs::Entry* const held = entry(op.service);
    return held != nullptr && held->dests.erase(op.key) == 1;
  }
  bool operator()(const ipvs::Flush&) {
    table.clear();
    return true;
  }
  template <typename Other>
  bool operator()(const Other&) {
    return true;
  }
};

}  // namespace

void plan_service(const ipvs::ServiceKey& key, const ipvs::Entry& wanted, const ipvs::Table& actual,
                  Ops& ops) {
  const auto held = actual.find(key);
  if (held == actual.end()) {
    plan_new_service(key, wanted, ops);
  } else {
    plan_known_service(key, held->second, wanted, ops);
  }
}

Ops plan(const ipvs::Table& actual, const ipvs::Table& desired,
         const std::set<ipvs::ServiceKey>& owned, const std::set<ipvs::ServiceKey>& only) {
  const auto part = [&](const ipvs::Table& table) {
    std::vector<ipvs::Table::const_iterator> entries;
    for (const auto& key : only) {
      if (const auto entry = table.find(key); entry != table.end()) {
        entries.push_back(entry);
      }
    }
    return entries;
  };
  Ops ops;
  for (const auto& held : part(actual)) {
    plan_unwanted_service(held->first, desired, owned, ops);
  }
  for (const auto& wanted : part(desired)) {
    plan_service(wanted->first, wanted->second, actual, ops);
  }
  return ops;
}

Ops plan(const ipvs::Table& actual, const ipvs::Table& desired,
         const std::set<ipvs::ServiceKey>& owned) {
  Ops ops;
  for (const auto& [key, held] : actual) {
    plan_unwanted_service(key, desired, owned, ops);
  }
  for (const auto& [key, wanted] : desired) {
    plan_service(key, wanted, actual, ops);
  }
  return ops;
}

bool apply_op(const ipvs::Request& request, ipvs::Table& table) {
  return std::visit(Applier{table}, request);
}

}  // namespace lvs::lvsd
