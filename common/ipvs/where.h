// Where a packet of a client would go: the question and the answer as values.
#pragma once

#include <optional>
#include <string>

#include "common/ipvs/types.h"

namespace lvs::ipvs {

// The first packet of a connection (SYN, INIT, a datagram) as it would come now.
struct WherePacket {
  Protocol protocol = Protocol::tcp;
  Endpoint client, virtual_service;
  uint32_t mark = 0;
  bool operator==(const WherePacket&) const = default;
};

enum class ChosenBy : uint8_t { nobody, connection, persistence, scheduler };

struct Whereabouts {
  struct Template {
    Address client;
    unsigned prefix = 0;
    uint32_t expires_s = 0;
    bool operator==(const Template&) const = default;
  };
  struct Way {
    bool is_local = false;  // To the director itself.
    std::string device;     // Empty: none was found, or it was not looked for.
    std::optional<Address> next_hop;
    std::string mac;  // Of the next hop; empty: not known yet.
    bool operator==(const Way&) const = default;
  };

  std::string refusal;  // Why it would not be forwarded, as --drops names it; empty: it would be.
  ChosenBy by = ChosenBy::nobody;
  std::optional<ServiceKey> service;
  std::string scheduler;
  std::optional<Endpoint> server;
  Forward forward = Forward::masq;
  int32_t weight = 0;
  uint32_t active = 0, inactive = 0;
  std::optional<Connection> connection;  // That is there, also when the packet would begin anew.
  std::optional<Template> persistence;   // That is there.
  Way way;
  std::string full;  // The table that this one needs another to leave first, as --drops names it.
  bool is_other_program = false;  // What forwards is not what was asked.
  bool operator==(const Whereabouts&) const = default;
};

}  // namespace lvs::ipvs
