// What the cores can do, stated once: lvs.cf's check, lvsadm, lvsd and the embedded core read it
// here. The kernel's ip_vs has every scheduler of this list.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/ipvs/types.h"

namespace lvs::ipvs {

struct SchedulerInfo {
  const char* name;
  bool is_embedded;
};
inline constexpr std::array<SchedulerInfo, 13> kSchedulers = {{{"rr", true},
                                                               {"wrr", true},
                                                               {"lc", true},
                                                               {"wlc", true},
                                                               {"lblc", false},
                                                               {"lblcr", false},
                                                               {"dh", true},
                                                               {"sh", true},
                                                               {"sed", true},
                                                               {"nq", true},
                                                               {"fo", true},
                                                               {"ovf", true},
                                                               {"mh", true}}};

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

inline bool is_embedded_scheduler(std::string_view name) {
  const auto* found = find_named(kSchedulers, name);
  return found != nullptr && found->is_embedded;
}

// "rr, wrr, lc ..."
inline std::string embedded_schedulers() {
  std::string names;
  for (const auto& scheduler : kSchedulers) {
    if (scheduler.is_embedded) {
      names += (names.empty() ? "" : ", ") + std::string(scheduler.name);
    }
  }
  return names;
}

}  // namespace lvs::ipvs
