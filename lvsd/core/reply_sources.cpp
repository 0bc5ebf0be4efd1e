#include "lvsd/core/reply_sources.h"

namespace lvs::core {

namespace {

constexpr uint16_t kFtpPort = 21;

std::set<ReplySource> sources_of(const ipvs::ServiceKey& key, const ServiceEntry& entry) {
  const auto* by_address = std::get_if<ipvs::AddressKey>(&key);
  std::set<ReplySource> sources;
  for (const auto& [place, server] : entry.servers) {
    if (server.dest.forward != ipvs::Forward::masq) {
      continue;
    }
    // Of a mark, and of a service of any port, a client's connection may keep its own port; and FTP
    // has more ports than one.
    const bool is_exact = by_address != nullptr && by_address->port != 0 &&
                          by_address->port != kFtpPort && server.key.port != 0;
    sources.insert(is_exact ? ReplySource{server.key.address, server.key.port, by_address->protocol}
                            : ReplySource{server.key.address});
  }
  return sources;
}

}  // namespace

ReplySources::Change ReplySources::follow(const ipvs::ServiceKey& key, const ServiceEntry* entry) {
  Change change;
  auto now = entry == nullptr ? std::set<ReplySource>{} : sources_of(key, *entry);
  auto& before = of_service_[key];
  for (const auto& source : now) {
    if (!before.contains(source) && services_[source]++ == 0) {
      change.added.push_back(source);
    }
  }
  for (const auto& source : before) {
    if (!now.contains(source) && --services_[source] == 0) {
      services_.erase(source);
      change.gone.push_back(source);
    }
  }
  before = std::move(now);
  if (entry == nullptr) {
    of_service_.erase(key);
  }
  return change;
}

std::vector<ReplySource> ReplySources::all() const {
  std::vector<ReplySource> sources;
  for (const auto& [source, count] : services_) {
    sources.push_back(source);
  }
  return sources;
}

}  // namespace lvs::core
