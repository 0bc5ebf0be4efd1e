#include "lvsd/core/schedulers.h"

#include <array>

namespace lvs::core {

namespace {

struct Named {
  lvs_scheduler number;
  const char* name;
};
constexpr std::array<Named, 8> kSchedulers = {{{LVS_RR, "rr"},
                                               {LVS_WRR, "wrr"},
                                               {LVS_LC, "lc"},
                                               {LVS_WLC, "wlc"},
                                               {LVS_SED, "sed"},
                                               {LVS_NQ, "nq"},
                                               {LVS_FO, "fo"},
                                               {LVS_OVF, "ovf"}}};

}  // namespace

std::optional<lvs_scheduler> scheduler_of(const std::string& name) {
  for (const auto& scheduler : kSchedulers) {
    if (name == scheduler.name) {
      return scheduler.number;
    }
  }
  return std::nullopt;
}

std::string scheduler_name(uint32_t number) {
  for (const auto& scheduler : kSchedulers) {
    if (number == scheduler.number) {
      return scheduler.name;
    }
  }
  return "none";
}

}  // namespace lvs::core
