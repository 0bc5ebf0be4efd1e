#include "lvsd/core/whereabouts.h"

#include <arpa/inet.h>

#include <cstdio>

#include "lvsd/core/drops.h"
#include "lvsd/core/layout.h"

namespace lvs::core {

namespace {

using ipvs::ChosenBy;
using ipvs::Whereabouts;

constexpr uint64_t kSecond = 1'000'000'000;

uint32_t seconds_until(uint64_t time, uint64_t now) {
  return time <= now ? 0 : static_cast<uint32_t>((time - now + kSecond / 2) / kSecond);
}

uint32_t generation_of(uint64_t word) {
  return static_cast<uint32_t>(word >> LVS_WORD_GENERATION_SHIFT);
}

bool is_refusal(uint32_t reason) {
  return reason <= LVS_DROP_FRAGMENT || reason == LVS_PASS_NOT_ARMED ||
         reason == LVS_PASS_NO_SERVICE || reason == LVS_PASS_NOT_NEW || reason == LVS_DROP_PACKET ||
         reason == LVS_DROP_DENIED;
}

std::string refusal_of(const Found& found) {
  if (found.kept_out != nullptr) {
    return found.kept_out;
  }
  for (uint32_t reason = 0; reason < LVS_DROPS; ++reason) {
    if (found.drops[reason] != 0 && is_refusal(reason)) {
      return kDropNames[reason];
    }
  }
  return found.is_dropped ? "dropped" : "";
}

void describe_known(const ipvs::WherePacket& packet, const Found& found, Whereabouts& answer) {
  if (!found.before) {
    return;
  }
  const auto& [entry, address] = *found.before;
  const auto protocol = static_cast<uint8_t>(packet.protocol);
  if (entry.direction == LVS_TO_SERVER && (entry.word & LVS_WORD_DEAD) == 0) {
    answer.connection = ipvs::Connection{.protocol = protocol,
                                         .client = packet.client,
                                         .virtual_service = packet.virtual_service,
                                         .destination = {address, ntohs(entry.port)},
                                         .state = state_name(protocol, entry.word & LVS_WORD_STATE),
                                         .expires_s = seconds_until(entry.expires, found.now)};
  }
}

void describe_service(const std::optional<FoundService>& service, Whereabouts& answer) {
  if (service && answer.refusal != kDropNames[LVS_PASS_NO_SERVICE]) {
    answer.service = service->key;
    answer.scheduler = service->scheduler;
  }
}

void describe_server(const Found& found, Whereabouts& answer) {
  const lvs_flow& flow = found.after->entry;
  answer.forward = static_cast<ipvs::Forward>(flow.forward);
  if (!found.server) {
    return;
  }
  const lvs_dest& dest = *found.server;
  answer.server = Endpoint{address_in(dest.address, dest.family), ntohs(flow.port)};
  answer.weight = dest.weight;
  answer.active = dest.active;
  answer.inactive = dest.total > dest.active ? dest.total - dest.active : 0;
  answer.way.is_local = (flow.flags & LVS_FLOW_TO_SELF) != 0;
}

// What led to this connection, if it was there before; not one that ended as the packet came.
void describe_template(const Found& found, Whereabouts& answer) {
  if (!found.persistence) {
    return;
  }
  const auto& [before, after, clients] = *found.persistence;
  if (!after || generation_of(after->word) != generation_of(before.word) ||
      after->dest != found.after->entry.dest) {
    return;
  }
  answer.persistence = Whereabouts::Template{clients, found.of_flow ? found.of_flow->prefix : 0,
                                             seconds_until(before.expires, found.now)};
}

ChosenBy chosen_by(const Found& found, const Whereabouts& answer) {
  const bool is_known = found.before && generation_of(found.before->entry.word) ==
                                            generation_of(found.after->entry.word);
  return is_known             ? ChosenBy::connection
         : answer.persistence ? ChosenBy::persistence
                              : ChosenBy::scheduler;
}

void describe_way(const Found& found, Whereabouts& answer) {
  const lvs_route& route = found.after->entry.route;
  if (answer.way.is_local || found.device.empty()) {
    return;
  }
  answer.way.device = found.device;
  answer.way.next_hop = found.next_hop;
  if (route.ifindex != 0) {
    const uint8_t* mac = route.dmac;
    char text[18] = "";
    std::snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
                  mac[3], mac[4], mac[5]);
    answer.way.mac = text;
  }
}

}  // namespace

Whereabouts whereabouts(const ipvs::WherePacket& packet, const Found& found) {
  Whereabouts answer;
  answer.refusal = refusal_of(found);
  describe_known(packet, found, answer);
  if (found.kept_out != nullptr) {
    return answer;
  }
  describe_service(found.matched, answer);
  if (!found.after) {
    if (answer.refusal.empty()) {
      answer.refusal = kDropNames[LVS_PASS_NO_SERVICE];
    }
    return answer;
  }
  if (found.after->entry.direction != LVS_TO_SERVER) {
    answer.refusal = "reply";
    return answer;
  }
  describe_service(found.of_flow, answer);
  describe_server(found, answer);
  describe_template(found, answer);
  answer.by = chosen_by(found, answer);
  describe_way(found, answer);
  return answer;
}

Room wanted_room(const Found& found, const Whereabouts& answer) {
  Room room;
  if (!found.after || answer.by == ChosenBy::nobody) {
    return room;
  }
  const lvs_flow& flow = found.after->entry;
  if (answer.by != ChosenBy::connection && (flow.flags & LVS_FLOW_ONE_PACKET) == 0) {
    room.connections = flow.forward == LVS_FORWARD_NAT ? 2 : 1;
  }
  const bool is_persistent = (found.service_flags & LVS_SERVICE_PERSISTENT) != 0;
  room.templates = answer.by == ChosenBy::scheduler && is_persistent ? 1 : 0;
  return room;
}

}  // namespace lvs::core
