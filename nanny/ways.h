// Whether a failed check can be the server's fault at all: was there a way to the server for as
// long as the check lasted? There was none if this machine has no route to it, or if the device
// that leads there had no carrier. Then nothing can be said about the server, and nothing that is
// forwarded reaches it either.
//
// When a device goes down its route goes with it, and the default route leads elsewhere and to
// nobody. So the device that led to a server when a check last worked is kept in mind: a failure
// while it does not work, or while the route names another, is no failure of the server.
//
// A device that lost its carrier is not waited for until checks fail: once it has been away for
// kWaySettles, all servers that it led to are told at once, and again when it is back.
//
// A device with carrier is enough: a switch that is dead behind it, or a server that does not
// answer ARP, is a failure.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/absence.h"
#include "common/address.h"
#include "common/result.h"
#include "common/time.h"

namespace lvs::nanny {

// Shorter than this, what was in flight is sent again and nobody has noticed.
inline constexpr Duration kWaySettles = std::chrono::milliseconds{500};
// A device that is back does not reach anybody yet: ports behind it begin to forward, and a
// question for a neighbour that was lost is asked again after a second. Checks that begin meanwhile
// prove nothing by failing.
inline constexpr Duration kWayReturns = std::chrono::seconds{2};

// Why there is no way.
std::string device_does_not_work(const std::string& device, bool exists);

class Ways {
 public:
  // The servers behind one device that does not work any more, or works again.
  struct Change {
    std::string device;
    bool works;
    bool exists;
    std::vector<Address> servers;
  };

  void device_is(const std::string& name, bool works, TimePoint now);
  // It is kept in mind only while it is the one that led to a server.
  void device_gone(const std::string& name, TimePoint now);

  // Whether the device that led to this server should be asked for: not since a device changed.
  bool should_learn(const Address& server) const { return !fresh_.contains(server); }
  void led(const Address& server, const std::string& device);
  // The route leads over this device, and no check has worked yet: one that began without a way
  // is told of its return, too. It proves nothing besides.
  void is_to_lead(const Address& server, const std::string& device);
  // The device that led there last; none: no check has worked yet.
  std::optional<std::string> led_last(const Address& server) const;

  // What is to be told by now; each once.
  std::vector<Change> changes(TimePoint now);
  std::optional<TimePoint> next_change() const;

  struct Lack {
    std::string what;
    bool is_over;  // It is there again: the check says nothing of the server, nor of the way.
  };
  // What was missing between `since` and now; nothing: the server could be reached. `route`: the
  // device that leads there now, or why there is none.
  std::optional<Lack> missing(const Address& server, const Result<std::string>& route,
                              TimePoint since) const;

 private:
  struct Device {
    bool works = false;
    bool exists = true;
    std::optional<TimePoint> back_at;  // It did not work before.
    std::optional<TimePoint> tell_at;  // That it does not work as it did.
    Absence absence;
  };
  std::vector<Address> led_by(const std::string& device) const;
  std::optional<Lack> trouble_of(const std::string& device, TimePoint since) const;

  std::map<std::string, Device> devices_;
  std::map<Address, std::string> led_;
  std::map<Address, std::string> to_lead_;  // Of others.
  std::set<Address> fresh_;  // Servers whose way was learned after the last change of a device.
};

}  // namespace lvs::nanny
