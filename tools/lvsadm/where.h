// `lvsadm --where`: the answer in words, and for programs.
#pragma once

#include <string>

#include "common/ipvs/where.h"

namespace lvs::lvsadm {

// marked_by: whence the packet has its mark, if it has one.
std::string print_where(const ipvs::WherePacket& packet, const std::string& marked_by,
                        const ipvs::Whereabouts& answer);
std::string json_where(const ipvs::WherePacket& packet, const std::string& marked_by,
                       const ipvs::Whereabouts& answer);

}  // namespace lvs::lvsadm
