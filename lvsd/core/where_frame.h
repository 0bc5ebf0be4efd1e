// The frame that `lvsadm --where` asks about: as short as a packet can be that begins a connection.
// Checksums are left out: the programs change them and never verify them.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "common/ipvs/where.h"

namespace lvs::core {

// `to`: the MAC of the device that it comes by.
std::vector<uint8_t> first_frame(const ipvs::WherePacket& packet, const std::array<uint8_t, 6>& to);

}  // namespace lvs::core
