#include "lvsd/core/schedulers.h"

#include <algorithm>
#include <array>

namespace lvs::core {

namespace {

constexpr std::array<Scheduler, 13> kSchedulers = {{{LVS_RR, "rr"},
                                                    {LVS_WRR, "wrr"},
                                                    {LVS_LC, "lc"},
                                                    {LVS_WLC, "wlc"},
                                                    {LVS_SED, "sed"},
                                                    {LVS_NQ, "nq"},
                                                    {LVS_FO, "fo"},
                                                    {LVS_OVF, "ovf"},
                                                    {LVS_DH, "dh", dh_table},
                                                    {LVS_SH, "sh", sh_table, true},
                                                    {LVS_MH, "mh", mh_table, true},
                                                    {LVS_LBLC, "lblc"},
                                                    {LVS_LBLCR, "lblcr"}}};

template <typename Is>
const Scheduler* find(Is is) {
  const auto* found = std::find_if(kSchedulers.begin(), kSchedulers.end(), is);
  return found == kSchedulers.end() ? nullptr : found;
}

}  // namespace

const Scheduler* find_scheduler(const std::string& name) {
  return find([&](const Scheduler& scheduler) { return scheduler.name == name; });
}

const Scheduler* find_scheduler(uint32_t number) {
  return find([&](const Scheduler& scheduler) { return scheduler.number == number; });
}

}  // namespace lvs::core
