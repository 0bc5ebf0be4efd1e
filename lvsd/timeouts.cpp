#include "lvsd/timeouts.h"

namespace lvs::lvsd {

ipvs::Timeouts changed_timeouts(const config::Config& config, const ipvs::Timeouts& put_back,
                                const ipvs::Timeouts& actual) {
  const auto change = [](uint32_t asked, uint32_t otherwise, uint32_t held) {
    const uint32_t wanted = asked != 0 ? asked : otherwise;
    return wanted == held ? uint32_t{0} : wanted;
  };
  return {change(config.tcp_timeout, put_back.tcp, actual.tcp),
          change(config.tcpfin_timeout, put_back.tcp_fin, actual.tcp_fin),
          change(config.udp_timeout, put_back.udp, actual.udp)};
}

void put_back_what_left(const config::Config& before, const config::Config& now,
                        ipvs::Timeouts& put_back) {
  const auto left = [](uint32_t was, uint32_t is, uint32_t standard, uint32_t& value) {
    value = was != 0 && is == 0 ? standard : value;
  };
  const auto& standard = ipvs::kStandardTimeouts;
  left(before.tcp_timeout, now.tcp_timeout, standard.tcp, put_back.tcp);
  left(before.tcpfin_timeout, now.tcpfin_timeout, standard.tcp_fin, put_back.tcp_fin);
  left(before.udp_timeout, now.udp_timeout, standard.udp, put_back.udp);
}

void take_timeouts(const ipvs::Timeouts& given, ipvs::Timeouts& held) {
  held.tcp = given.tcp != 0 ? given.tcp : held.tcp;
  held.tcp_fin = given.tcp_fin != 0 ? given.tcp_fin : held.tcp_fin;
  held.udp = given.udp != 0 ? given.udp : held.udp;
}

}  // namespace lvs::lvsd
