// The command line of lvsadm as a value. The grammar, the defaults and the words of its errors are
// those of ipvsadm 1.31, so that scripts written for it keep working; options may come in any
// order.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/ipvs/request.h"
#include "common/ipvs/trace.h"
#include "common/ipvs/where.h"

namespace lvs::lvsadm {

enum class Core : uint8_t { automatic, embedded, kernel };

enum class Show : uint8_t { table, connections, timeouts, daemons };
enum class Columns : uint8_t { plain, stats, rate, thresholds, persistent, tunnels };

struct List {
  Show show = Show::table;
  Columns columns = Columns::plain;
  std::optional<ipvs::ServiceKey> only;
  bool numeric = false;
  bool exact = false;  // Whole numbers in --stats and --rate.
  bool sorted = true;
  bool json = false;
  bool persistence_data = false;  // -c --persistent-conn
  bool operator==(const List&) const = default;
};
struct Change {  // Everything that is one request and says nothing when it succeeds.
  ipvs::Request request;
  bool operator==(const Change&) const = default;
};
struct Save {
  bool numeric = false;
  bool operator==(const Save&) const = default;
};
struct Restore {
  bool operator==(const Restore&) const = default;
};
struct Kill {
  ipvs::KillConnections prefix;
  bool operator==(const Kill&) const = default;
};
struct Drops {
  bool json = false;
  bool operator==(const Drops&) const = default;
};
struct Deny {
  bool json = false;
  bool operator==(const Deny&) const = default;
};
struct Settings {
  std::string only;  // Empty: all.
  bool json = false;
  bool operator==(const Settings&) const = default;
};
struct Where {
  ipvs::WherePacket packet;
  bool json = false;
  bool operator==(const Where&) const = default;
};
struct Trace {
  ipvs::TraceFilter filter;
  uint32_t count = 0;  // 0: until it is stopped.
  bool json = false;
  bool operator==(const Trace&) const = default;
};
struct Help {
  bool operator==(const Help&) const = default;
};
struct Version {
  bool operator==(const Version&) const = default;
};

struct Command {
  Core core = Core::automatic;
  std::variant<List, Change, Save, Restore, Kill, Drops, Deny, Settings, Where, Trace, Help,
               Version>
      what;
  bool operator==(const Command&) const = default;
};

constexpr int kWrongUsage = 2;  // Exit statuses, as ipvsadm's.
constexpr int kUnknownOption = 255;

struct UsageError {
  int status = kWrongUsage;
  std::string text;
  bool operator==(const UsageError&) const = default;
};

// How names on the command line become numbers; only asked when something is not a number already.
struct Resolver {
  std::function<std::optional<Address>(const std::string& host)> host;
  std::function<std::optional<uint16_t>(const std::string& service, ipvs::Protocol)> port;
};

// `arguments` without the program's name.
std::variant<Command, UsageError> parse(const std::vector<std::string>& arguments,
                                        const Resolver& resolver);

std::string help_text();

}  // namespace lvs::lvsadm
