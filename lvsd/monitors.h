// Which monitors the configuration asks for, and which servers hang on each. Services that share a
// server and a check share the monitor, so a server behind fifty services is probed once; those
// with `check = none` have none. Ids are stable: across a reload a monitor that is still wanted
// keeps its id (and with it its verdict), also when only its timings changed.
//
// A reload looks at the services that it changed only. Law: what comes of it is what comes of
// looking at all of them again.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include "common/monitor.h"
#include "lvsd/desired.h"

namespace lvs::lvsd {

class MonitorSet {
 public:
  struct Watched {
    Monitor monitor;
    std::vector<ServerId> servers;  // Ordered; at least one.
    bool operator==(const Watched&) const = default;
  };
  struct Update {
    std::vector<MonitorOrder> orders;  // What nanny must be told.
    std::vector<ServerId> added;       // Servers that had no monitor.
  };

  // `changed`: the services that came, went, or are not what they were.
  Update update(const ActiveServices& services, const std::set<ipvs::ServiceKey>& changed);

  const std::map<MonitorId, Watched>& watched() const { return watched_; }
  std::optional<MonitorId> monitor_of(const ServerId& id) const;
  // Whether so many of the servers that could serve, those with a weight, have their monitors among
  // these that too few are left: none, or with a sorry server less than the quorum, as far as there
  // are so many.
  using Among = std::function<bool(MonitorId)>;
  bool is_covered(const ipvs::ServiceKey& service, const Among& is_among) const;
  size_t services_covered(const std::set<MonitorId>& monitors) const;
  // How long several checks of a server of this service take, each until it fails. Another director
  // has checked as well by then, and chance failures of all of them are rare.
  Duration several_checks(const ipvs::ServiceKey& service) const;
  bool is_watched(const ipvs::ServiceKey& service) const { return members_.contains(service); }
  std::set<ipvs::ServiceKey> services_on(MonitorId id) const;
  std::vector<ServerId> servers() const;  // Those that have a monitor, in order.
  // What a nanny must be told that knows nothing.
  std::vector<MonitorOrder> orders() const;

 private:
  using Target = std::tuple<Endpoint, ipvs::Protocol>;
  struct Member {
    ipvs::DestKey server;
    MonitorId id;
    bool has_weight;
  };
  using Members = std::vector<Member>;  // Ordered.
  using Likeness = bool (*)(const Watched&, const Monitor&);
  struct Unplaced {
    ServerId server;
    Monitor monitor;
    MonitorId* id;  // In members_.
  };

  static Target target_of(const Monitor& monitor);
  Members let_go(const ipvs::ServiceKey& service);
  std::vector<Unplaced> place(const ipvs::ServiceKey& key, const config::VirtualService& service);
  void place_in_any(const Unplaced& server, std::set<MonitorId>& set);
  void hang(const ServerId& server, MonitorId id);
  std::vector<MonitorId> drop_idle(const std::set<MonitorId>& suspects);
  std::optional<MonitorId> find(const Monitor& wanted, Likeness alike) const;

  std::map<MonitorId, Watched> watched_;
  std::set<std::pair<Target, MonitorId>> by_target_;  // Checks have no order, and are few a target.
  std::map<ipvs::ServiceKey, Members> members_;
  std::map<ipvs::ServiceKey, int> needed_;  // Servers that must work, of these.
  MonitorId next_id_ = 1;
};

}  // namespace lvs::lvsd
