// The answer of `lvsadm --where`, out of what was found: what the programs said and left behind
// when the packet had gone through them on a copy of the tables, and what stood there before.
// Reading all that is lvsd/core/io/where.cpp's.
#pragma once

#include <array>
#include <optional>
#include <string>

#include "common/ipvs/where.h"
#include "lvsd/bpf/abi.h"

namespace lvs::core {

// What --drops has no name for: such a packet never comes to the core.
constexpr const char* kNotOwnAddress = "not-own-address";

// Of either family: what both have in common, and the address that each has in its own place.
struct FoundFlow {
  lvs_flow entry{};
  Address address;
};

struct FoundTemplate {
  lvs_template before{};
  std::optional<lvs_template> after;
  Address clients;
};

struct FoundService {
  ipvs::ServiceKey key;
  std::string scheduler;
  unsigned prefix = 0;
};

struct Found {
  const char* kept_out = nullptr;  // Why it does not come to the programs behind INPUT.
  bool is_dropped = false;         // By the last of them.
  std::array<uint64_t, LVS_DROPS> drops{};
  uint32_t service_flags = 0;           // LVS_SERVICE_*, of the service that the programs found.
  std::optional<FoundService> matched;  // That service.
  std::optional<FoundFlow> before;      // The connection by the packet's key.
  std::optional<FoundFlow> after;       // The one that it belongs to now.
  std::optional<FoundService> of_flow;  // That one's service and server.
  std::optional<lvs_dest> server;
  std::optional<FoundTemplate> persistence;
  std::string device;  // By which it would leave; empty: none was looked for.
  std::optional<Address> next_hop;
  uint64_t now = 0;  // Of the entries' clock.
};

ipvs::Whereabouts whereabouts(const ipvs::WherePacket& packet, const Found& found);

// The entries that must find room for the answer to come true. A connection that is translated
// takes two.
struct Room {
  uint32_t connections = 0;
  uint32_t templates = 0;
  bool operator==(const Room&) const = default;
};
Room wanted_room(const Found& found, const ipvs::Whereabouts& answer);

}  // namespace lvs::core
