// What the cores can do, stated once: lvs.cf's words and check, lvsadm, lvsd and the embedded core
// read it here. The kernel's ip_vs does all that these tables list, without limits of its own.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/ipvs/types.h"

namespace lvs::ipvs {

// As lvs.cf calls them. Both cores have all of them.
struct ProtocolInfo {
  const char* name;
  Protocol protocol;
};
inline constexpr std::array<ProtocolInfo, 3> kProtocols = {
    {{"tcp", Protocol::tcp}, {"udp", Protocol::udp}, {"sctp", Protocol::sctp}}};

// These, too.
struct ForwardInfo {
  const char* name;
  Forward forward;
};
inline constexpr std::array<ForwardInfo, 3> kForwards = {
    {{"nat", Forward::masq}, {"direct", Forward::direct}, {"tunnel", Forward::tunnel}}};

// Likewise.
struct SchedulerInfo {
  const char* name;
  uint32_t hash_slots = 0;  // Of its table in the embedded core, for each service.
};
inline constexpr std::array<SchedulerInfo, 13> kSchedulers = {{{"rr"},
                                                               {"wrr"},
                                                               {"lc"},
                                                               {"wlc"},
                                                               {"lblc"},
                                                               {"lblcr"},
                                                               {"dh", 256},
                                                               {"sh", 256},
                                                               {"sed"},
                                                               {"nq"},
                                                               {"fo"},
                                                               {"ovf"},
                                                               {"mh", 4093}}};

// How many the embedded core holds.
constexpr uint32_t kEmbeddedServices = 8191;
constexpr uint32_t kEmbeddedServers = 16384;  // Of all services together.
constexpr uint32_t kEmbeddedServersOfService = 1024;
// All services share these: a service takes some for itself, one for each server, and its table.
constexpr uint32_t kEmbeddedSlots = 1048576;
constexpr uint32_t kEmbeddedSlotsOfService = 5;
constexpr uint32_t kEmbeddedDenied = 1024;  // Prefixes of clients; the kernel's ip_vs: none.

// Bits of Service::flags, as they are called in lvs.cf and by ipvsadm.
struct SchedulerFlag {
  const char* name;
  uint32_t bit;
  const char* scheduler;  // That understands it by this name; empty: any.
};
inline constexpr std::array<SchedulerFlag, 7> kSchedulerFlags = {{{"sh-fallback", kSched1, "sh"},
                                                                  {"sh-port", kSched2, "sh"},
                                                                  {"mh-fallback", kSched1, "mh"},
                                                                  {"mh-port", kSched2, "mh"},
                                                                  {"flag-1", kSched1, ""},
                                                                  {"flag-2", kSched2, ""},
                                                                  {"flag-3", kSched3, ""}}};

template <typename Table>
constexpr auto find_named(const Table& table, std::string_view name) {
  const auto found = std::find_if(table.begin(), table.end(),
                                  [name](const auto& entry) { return entry.name == name; });
  return found == table.end() ? nullptr : &*found;
}

// "rr, wrr, lc ..."
template <typename Table>
std::string names_in(const Table& table) {
  std::string names;
  for (const auto& entry : table) {
    names += (names.empty() ? "" : ", ") + std::string(entry.name);
  }
  return names;
}

}  // namespace lvs::ipvs
