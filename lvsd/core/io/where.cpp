#include "lvsd/core/io/where.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <linux/pkt_cls.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "common/io/rtnetlink.h"
#include "lvsd/core/drops.h"
#include "lvsd/core/io/batch_reader.h"
#include "lvsd/core/io/devices.h"
#include "lvsd/core/io/reading.h"
#include "lvsd/core/io/rehearsal.h"
#include "lvsd/core/layout.h"
#include "lvsd/core/where_frame.h"

namespace lvs::core {

namespace {

using ipvs::ChosenBy;
using ipvs::Whereabouts;
using ipvs::WherePacket;

constexpr uint64_t kSecond = 1'000'000'000;
constexpr int kPassed = TC_ACT_UNSPEC;

// What a family's connections are called.
struct V4 {
  using Key = lvs_key;
  using Flow = lvs_flow;
  static constexpr Map flows = Map::flows;
  static constexpr Map templates = Map::templates;
  static lvs_flow& common(lvs_flow& flow) { return flow; }
  static void put(uint32_t& to, const Address& from) { std::memcpy(&to, from.bytes(), 4); }
  static Address address(const uint32_t& from) { return Address::v4_bytes(&from); }
};
struct V6 {
  using Key = lvs_key6;
  using Flow = lvs_flow6;
  static constexpr Map flows = Map::flows6;
  static constexpr Map templates = Map::templates6;
  static lvs_flow& common(lvs_flow6& flow) { return flow.flow; }
  static void put(uint32_t (&to)[4], const Address& from) { std::memcpy(to, from.bytes(), 16); }
  static Address address(const uint32_t (&from)[4]) { return Address::v6_bytes(from); }
};

uint32_t seconds_until(uint64_t time) {
  const uint64_t now = monotonic_ns();
  return time <= now ? 0 : static_cast<uint32_t>((time - now + kSecond / 2) / kSecond);
}

uint32_t generation_of(uint64_t word) {
  return static_cast<uint32_t>(word >> LVS_WORD_GENERATION_SHIFT);
}

bool is_refusal(uint32_t reason) {
  return reason <= LVS_DROP_FRAGMENT || reason == LVS_PASS_NOT_ARMED ||
         reason == LVS_PASS_NO_SERVICE || reason == LVS_PASS_NOT_NEW || reason == LVS_DROP_PACKET;
}

std::string refusal_of(const Rehearsal::Played& played) {
  for (uint32_t reason = 0; reason < LVS_DROPS; ++reason) {
    if (played.drops[reason] != 0 && is_refusal(reason)) {
      return kDropNames[reason];
    }
  }
  return played.verdict == TC_ACT_SHOT ? "dropped" : "";
}

// A connection that is translated takes two entries.
template <typename Key, typename Value>
bool is_full(int fd, uint32_t wanted) {
  bpf_map_info info{};
  uint32_t length = sizeof(info);
  if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &length) != 0) {
    return false;
  }
  uint64_t count = 0;
  BatchReader<Key, Value> reader;
  while (reader.read_some(fd, [&](const Key&, const Value&) { ++count; })) {
  }
  return count + wanted > info.max_entries;
}

// As the stack will see it, behind the rules that know its mark.
Result<bool> is_for_this_machine(const WherePacket& packet) {
  auto kernel = io::Rtnetlink::open();
  if (!kernel) {
    return kernel.error();
  }
  const Address& to = packet.virtual_service.address;
  rtmsg header{};
  header.rtm_family = static_cast<uint8_t>(to.af());
  header.rtm_dst_len = static_cast<uint8_t>(to.size() * 8);
  io::NetlinkMessage question(RTM_GETROUTE, 0, header);
  question.put(RTA_DST, to.bytes(), to.size());
  if (packet.mark != 0) {
    question.put_u32(RTA_MARK, packet.mark);
  }
  bool is_local = false;
  const auto asked = kernel->ask(question, [&](const nlmsghdr* answer) {
    is_local = static_cast<const rtmsg*>(nlmsg_data(answer))->rtm_type == RTN_LOCAL;
  });
  return asked && is_local;
}

// A device that the packet could come by. Which of them does not matter to where it goes.
std::optional<Device> some_device(const Tables& real) {
  for (const Device& device : devices()) {
    const auto index = static_cast<uint32_t>(device.index);
    lvs_device known{};
    if (device.is_ethernet && device.name != kIpvs0 && device.name != kIpvs1 &&
        bpf_map_lookup_elem(real.fd(Map::devices), &index, &known) == 0) {
      return device;
    }
  }
  return std::nullopt;
}

template <typename Of>
class Asking {
 public:
  using Key = typename Of::Key;
  using Flow = typename Of::Flow;

  Asking(const Tables& real, Rehearsal& rehearsal, const WherePacket& packet, const Device& device)
      : real_(real), rehearsal_(rehearsal), packet_(packet), device_(device) {
    Of::put(key_.saddr, packet.client.address);
    Of::put(key_.daddr, packet.virtual_service.address);
    key_.sport = htons(packet.client.port);
    key_.dport = htons(packet.virtual_service.port);
    key_.protocol = static_cast<uint8_t>(packet.protocol);
  }

  Result<Whereabouts> ask() {
    auto played = play(Hook::nic_ingress);
    const bool is_done = played && played->verdict != kPassed;
    if (played && !is_done) {
      const auto is_here = is_for_this_machine(packet_);
      if (!is_here) {
        return is_here.error();
      }
      if (!*is_here) {
        return refused(kNotOwnAddress);
      }
      if (rehearsal_.tables().config->armed == 0) {
        return refused(kDropNames[LVS_PASS_NOT_ARMED]);
      }
      played = play(Hook::ipvs0_egress);
    }
    return played ? Result<Whereabouts>(answer(*played)) : played.error();
  }

 private:
  // Once for the keys of what the packet has to do with, and once with what is there by them.
  Result<Rehearsal::Played> play(Hook hook) {
    template_ = {};
    auto played = play_once(hook, nullptr);
    if (!played || (played->traces.slice.flags & LVS_SERVICE_PERSISTENT) == 0) {
      const bool is_by_locality = played && (played->traces.slice.scheduler == LVS_LBLC ||
                                             played->traces.slice.scheduler == LVS_LBLCR);
      return is_by_locality ? play_once(hook, &played->traces) : played;
    }
    return play_once(hook, &played->traces);
  }

  Result<Rehearsal::Played> play_once(Hook hook, const Rehearsal::Traces* traces) {
    rehearsal_.set_stage();
    bring_connections();
    if (traces != nullptr) {
      bring_template(*traces);
      bring_locality(*traces);
    }
    __sk_buff context{};
    context.ingress_ifindex = static_cast<uint32_t>(device_.index);
    if (hook == Hook::nic_ingress) {
      context.ifindex = context.ingress_ifindex;
    } else {
      context.mark = packet_.mark;
    }
    return rehearsal_.play(hook, first_frame(packet_, device_.mac), context);
  }

  void bring_connections() {
    known_.reset();
    Flow flow{};
    Key expected = key_;
    expected.sport = 0;
    bring_connection(expected, flow);
    if (bring_connection(key_, flow)) {
      known_ = flow;
    }
  }

  // Its way is asked for anew, as it is every quarter of a second.
  bool bring_connection(const Key& key, Flow& flow) {
    if (!rehearsal_.bring(Of::flows, key, flow)) {
      return false;
    }
    Flow due = flow;
    Of::common(due).touch = 0;
    rehearsal_.replace(Of::flows, key, due);
    Flow other{};
    rehearsal_.bring(Of::flows, flow_key(due), other);
    return true;
  }
  static const Key& flow_key(const Flow& flow) { return flow.other; }

  void bring_template(const Rehearsal::Traces& traces) {
    if ((traces.slice.flags & LVS_SERVICE_PERSISTENT) == 0) {
      return;
    }
    Key key{};
    std::memcpy(&key, &traces.template_key, sizeof(key));
    lvs_template found{};
    if (rehearsal_.bring(Of::templates, key, found)) {
      template_ = {found, key};
    }
  }

  void bring_locality(const Rehearsal::Traces& traces) {
    if (traces.service >= real_.services.size()) {
      return;
    }
    lvs_locality_key key{};
    std::copy(traces.target.begin(), traces.target.end(), key.address);
    key.service = traces.service;
    key.cache = real_.services[traces.service].cache;
    lvs_locality found{};
    rehearsal_.bring(Map::localities, key, found);
  }

  Whereabouts refused(const char* reason) const {
    Whereabouts answer;
    answer.refusal = reason;
    describe_known(answer);
    return answer;
  }

  void describe_known(Whereabouts& answer) const {
    if (!known_) {
      return;
    }
    Flow flow = *known_;
    const lvs_flow& common = Of::common(flow);
    if (common.direction == LVS_TO_SERVER && (common.word & LVS_WORD_DEAD) == 0) {
      answer.connection =
          ipvs::Connection{.protocol = key_.protocol,
                           .client = packet_.client,
                           .virtual_service = packet_.virtual_service,
                           .destination = {Of::address(flow.address), ntohs(common.port)},
                           .state = state_name(key_.protocol, common.word & LVS_WORD_STATE),
                           .expires_s = seconds_until(common.expires)};
    }
  }

  // The connection that the packet belongs to now.
  std::optional<Flow> flow_after(const Rehearsal::Played& played) const {
    Flow flow{};
    if (rehearsal_.look_up(Of::flows, key_, flow) && (Of::common(flow).word & LVS_WORD_DEAD) == 0) {
      return flow;
    }
    std::memcpy(&flow, &played.traces.flow, sizeof(flow));
    return Of::common(flow).flags & LVS_FLOW_ONE_PACKET ? std::optional(flow) : std::nullopt;
  }

  Whereabouts answer(const Rehearsal::Played& played) const {
    Whereabouts answer;
    answer.refusal = refusal_of(played);
    describe_known(answer);
    describe_service(played.traces.service, played.traces.slice.scheduler != 0, answer);
    auto flow = flow_after(played);
    if (!flow) {
      if (answer.refusal.empty()) {
        answer.refusal = kDropNames[LVS_PASS_NO_SERVICE];
      }
      return answer;
    }
    lvs_flow& common = Of::common(*flow);
    if (common.direction != LVS_TO_SERVER) {
      answer.refusal = "reply";
      return answer;
    }
    Flow before = known_.value_or(Flow{});
    const bool is_known =
        known_ && generation_of(Of::common(before).word) == generation_of(common.word);
    describe_service(common.service, true, answer);
    describe_server(*flow, answer);
    describe_template(common, answer);
    answer.by = is_known             ? ChosenBy::connection
                : answer.persistence ? ChosenBy::persistence
                                     : ChosenBy::scheduler;
    describe_way(played, common, answer);
    describe_room(played, common, answer);
    return answer;
  }

  // The copy has room for one more, whatever the table has.
  void describe_room(const Rehearsal::Played& played, const lvs_flow& common,
                     Whereabouts& answer) const {
    const uint32_t entries = common.forward == LVS_FORWARD_NAT ? 2 : 1;
    const bool needs_template = answer.by == ChosenBy::scheduler &&
                                (played.traces.slice.flags & LVS_SERVICE_PERSISTENT) != 0;
    if (answer.by != ChosenBy::connection && (common.flags & LVS_FLOW_ONE_PACKET) == 0 &&
        is_full<Key, Flow>(real_.fd(Of::flows), entries)) {
      answer.full = kDropNames[LVS_DROP_TABLE_FULL];
    } else if (needs_template && is_full<Key, lvs_template>(real_.fd(Of::templates), 1)) {
      answer.full = kDropNames[LVS_DROP_TEMPLATES_FULL];
    }
  }

  void describe_service(uint32_t id, bool is_found, Whereabouts& answer) const {
    if (!is_found || id >= real_.services.size() ||
        answer.refusal == kDropNames[LVS_PASS_NO_SERVICE]) {
      return;
    }
    const auto laid = laid_out(rehearsal_.tables(), id);
    for (const auto& [key, number] : service_ids(rehearsal_.tables())) {
      if (number == id && laid) {
        answer.service = key;
        answer.scheduler = laid->entry.service.scheduler;
      }
    }
  }

  void describe_server(Flow& flow, Whereabouts& answer) const {
    const lvs_flow& common = Of::common(flow);
    answer.forward = static_cast<ipvs::Forward>(common.forward);
    if (common.dest >= real_.dests.size()) {
      return;
    }
    const lvs_dest& dest = real_.dests[common.dest];
    answer.server = Endpoint{address_in(dest.address, dest.family), ntohs(common.port)};
    answer.weight = dest.weight;
    answer.active = dest.active;
    answer.inactive = dest.total > dest.active ? dest.total - dest.active : 0;
    answer.way.is_local = (common.flags & LVS_FLOW_TO_SELF) != 0;
  }

  // What led to this connection, if it was there before; not one that ended as the packet came.
  void describe_template(const lvs_flow& common, Whereabouts& answer) const {
    if (!template_) {
      return;
    }
    const auto& [found, key] = *template_;
    lvs_template after{};
    if (!rehearsal_.look_up(Of::templates, key, after) ||
        generation_of(after.word) != generation_of(found.word) || after.dest != common.dest) {
      return;
    }
    answer.persistence = Whereabouts::Template{Of::address(key.saddr), prefix_of(common.service),
                                               seconds_until(found.expires)};
  }

  unsigned prefix_of(uint32_t service) const {
    const auto laid =
        service < real_.services.size() ? laid_out(rehearsal_.tables(), service) : std::nullopt;
    return laid ? laid->entry.service.prefix : 0;
  }

  void describe_way(const Rehearsal::Played& played, const lvs_flow& common,
                    Whereabouts& answer) const {
    char name[IF_NAMESIZE] = "";
    const auto& hop = played.traces.next_hop;
    if (answer.way.is_local || played.traces.device == 0 ||
        ::if_indextoname(played.traces.device, name) == nullptr) {
      return;
    }
    answer.way.device = name;
    answer.way.next_hop = hop.nh_family == AF_INET6 ? Address::v6_bytes(&hop.ipv6_nh)
                                                    : Address::v4_bytes(&hop.ipv4_nh);
    if (common.route.ifindex != 0) {
      const uint8_t* mac = common.route.dmac;
      char text[18] = "";
      std::snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
                    mac[3], mac[4], mac[5]);
      answer.way.mac = text;
    }
  }

  const Tables& real_;
  Rehearsal& rehearsal_;
  const WherePacket& packet_;
  const Device& device_;
  Key key_{};
  std::optional<Flow> known_;
  struct Found {
    lvs_template entry;
    Key key;
  };
  std::optional<Found> template_;
};

}  // namespace

Result<Where> Where::open() {
  Where where;
  auto maps = find_attached(Access::read);
  if (!maps) {
    return maps.error();
  }
  where.maps_ = std::move(*maps);
  MapNumbers fds{};
  std::transform(where.maps_.begin(), where.maps_.end(), fds.begin(),
                 [](const io::UniqueFd& map) { return map.get(); });
  auto memory = Memory::map(fds, Access::read);
  if (!memory) {
    return memory.error();
  }
  where.memory_ = std::move(*memory);
  auto rehearsal = Rehearsal::open(where.memory_.tables);
  if (!rehearsal) {
    return rehearsal.error();
  }
  where.rehearsal_ = std::make_unique<Rehearsal>(std::move(*rehearsal));
  return where;
}

Where::Where(Where&&) noexcept = default;
Where& Where::operator=(Where&&) noexcept = default;
Where::~Where() = default;

Result<Whereabouts> Where::ask(const WherePacket& packet) {
  const Tables& real = memory_.tables;
  const auto device = some_device(real);
  if (!device) {
    return Error{ENODEV, "the core is on no device that a packet could come by"};
  }
  auto answer = packet.client.address.is_v4()
                    ? Asking<V4>(real, *rehearsal_, packet, *device).ask()
                    : Asking<V6>(real, *rehearsal_, packet, *device).ask();
  const auto attached = attached_program(device->index, Hook::nic_ingress);
  if (answer) {
    answer->is_other_program = attached && !rehearsal_->is_same_program(*attached);
  }
  return answer;
}

}  // namespace lvs::core
