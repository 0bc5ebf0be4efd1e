#include "pulse/io/status_json.h"

#include <boost/json/array.hpp>
#include <cstdio>

namespace lvs::pulse {
namespace {

namespace json = boost::json;

int64_t ms(Duration duration) {
  return to_ms(duration).count();
}

json::value ms(const std::optional<Duration>& duration) {
  return duration ? json::value(ms(*duration)) : json::value(nullptr);
}

json::value number(const std::optional<uint16_t>& number) {
  return number ? json::value(*number) : json::value(nullptr);
}

// As text: JSON's numbers are not whole beyond 2^53 everywhere.
std::string hex(uint64_t number) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(number));
  return text;
}

json::object peer_json(const PeerStatus& peer) {
  json::array macs;
  for (const Mac& mac : peer.macs) {
    macs.emplace_back(to_string(mac));
  }
  return {{"alive", peer.alive},
          {"stopped", peer.stopped},
          {"silent_ms", ms(peer.silent)},
          {"role", name(peer.role)},
          {"able", peer.reasons == 0},
          {"reasons", reason_names(peer.reasons)},
          {"term", peer.term},
          {"config_serial", peer.config_serial},
          {"same_config", peer.same_config},
          {"unserved", number(peer.unserved)},
          {"macs", std::move(macs)},
          {"not_believed",
           peer.not_believed ? json::value(name(*peer.not_believed)) : json::value(nullptr)},
          {"advice", peer.advice}};
}

json::object counters_json(const Counters& counters) {
  json::object refused;
  for (size_t kind = 0; kind < kRefusalKinds; ++kind) {
    refused[name(static_cast<Refusal>(kind))] = counters.refused[kind];
  }
  return {{"beats_sent", counters.beats_sent},
          {"beats_accepted", counters.beats_accepted},
          {"refused", std::move(refused)},
          {"takeovers", counters.takeovers},
          {"standdowns", counters.standdowns},
          {"leases_lost", counters.leases_lost},
          {"addresses_restored", counters.addresses_restored},
          {"rivals_seen", counters.rivals_seen},
          {"vetoes", counters.vetoes}};
}

}  // namespace

json::object to_json(const Hold& hold) {
  return {{"by", hold.by}, {"since", hold.since}};
}

json::object to_json(const Status& status) {
  json::array held;
  json::array addresses;
  for (const AddressStatus& each : status.addresses) {
    if (each.holding == Holding::held) {
      held.emplace_back(to_string(each.address));
    }
    addresses.push_back(json::object{{"address", to_string(each.address)},
                                     {"device", each.device},
                                     {"state", name(each.holding)},
                                     {"error", each.error}});
  }
  json::array paths;
  for (const PathStatus& path : status.paths) {
    paths.push_back(json::object{{"name", path.name},
                                 {"alive", path.alive},
                                 {"silent_ms", ms(path.silent)},
                                 {"heard", path.heard},
                                 {"lost", path.lost}});
  }
  return {{"node", name(status.node)},
          {"alone", status.alone},
          {"heartbeat_format", status.legacy_heartbeats ? "legacy" : "2"},
          {"state", name(status.state)},
          {"in_state_ms", ms(status.in_state)},
          {"reason", status.reason},
          {"term", status.term},
          {"config_digest", hex(status.config_digest)},
          {"able", status.reasons == 0},
          {"reasons", reason_names(status.reasons)},
          {"unserved", number(status.unserved)},
          {"links_down", json::array(status.links_down.begin(), status.links_down.end())},
          {"links_missing", json::array(status.links_missing.begin(), status.links_missing.end())},
          {"switching", status.switching},
          {"doubt", status.doubt},
          {"holding", status.holding},
          {"addresses", std::move(held)},
          {"each_address", std::move(addresses)},
          {"lease_left_ms", ms(status.lease_left)},
          {"peer", peer_json(status.peer)},
          {"paths", std::move(paths)},
          {"counters", counters_json(status.counters)},
          {"held", status.hold ? json::value(to_json(*status.hold)) : json::value(nullptr)},
          {"late_ms", ms(status.late)},
          {"late_max_ms", ms(status.late_max)}};
}

}  // namespace lvs::pulse
