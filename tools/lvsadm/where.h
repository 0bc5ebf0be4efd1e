// `lvsadm --where`: the answer in words, and for programs.
#pragma once

#include <string>

#include "common/ipvs/where.h"

namespace lvs::lvsadm {

std::string print_where(const ipvs::WherePacket& packet, const ipvs::Whereabouts& answer);
std::string json_where(const ipvs::WherePacket& packet, const ipvs::Whereabouts& answer);

}  // namespace lvs::lvsadm
