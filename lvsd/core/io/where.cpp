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
#include "lvsd/core/whereabouts.h"

namespace lvs::core {

namespace {

using ipvs::Whereabouts;
using ipvs::WherePacket;

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
        return kept_out(kNotOwnAddress);
      }
      if (rehearsal_.tables().config->armed == 0) {
        return kept_out(kDropNames[LVS_PASS_NOT_ARMED]);
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
    bring_denied();
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

  // A prefix that the client is in, as a list with him alone.
  void bring_denied() {
    const Address& client = packet_.client.address;
    const Prefix alone{client, static_cast<unsigned>(client.size() * 8)};
    lvs_denied denied{};
    if (client.is_v4()) {
      rehearsal_.bring(Map::denied, deny_key4(alone), denied);
    } else {
      rehearsal_.bring(Map::denied6, deny_key6(alone), denied);
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

  Whereabouts kept_out(const char* reason) const {
    return whereabouts(packet_,
                       {.kept_out = reason, .before = found(known_), .now = monotonic_ns()});
  }

  // The copy has room for one more, whatever the table has.
  Whereabouts answer(const Rehearsal::Played& played) const {
    const Found found = look(played);
    Whereabouts answer = whereabouts(packet_, found);
    const Room room = wanted_room(found, answer);
    if (room.connections != 0 && is_full<Key, Flow>(real_.fd(Of::flows), room.connections)) {
      answer.full = kDropNames[LVS_DROP_TABLE_FULL];
    } else if (room.templates != 0 &&
               is_full<Key, lvs_template>(real_.fd(Of::templates), room.templates)) {
      answer.full = kDropNames[LVS_DROP_TEMPLATES_FULL];
    }
    return answer;
  }

  Found look(const Rehearsal::Played& played) const {
    const Rehearsal::Traces& traces = played.traces;
    Found all{.is_dropped = played.verdict == TC_ACT_SHOT,
              .drops = played.drops,
              .service_flags = traces.slice.flags,
              .before = found(known_),
              .after = found(flow_after(played)),
              .now = monotonic_ns()};
    if (traces.slice.scheduler != 0) {
      all.matched = service(traces.service);
    }
    if (all.after) {
      const lvs_flow& flow = all.after->entry;
      all.of_flow = service(flow.service);
      if (flow.dest < real_.dests.size()) {
        all.server = real_.dests[flow.dest];
      }
    }
    if (template_) {
      lvs_template after{};
      const auto& [entry, key] = *template_;
      const bool is_there = rehearsal_.look_up(Of::templates, key, after);
      all.persistence = FoundTemplate{entry, is_there ? std::optional(after) : std::nullopt,
                                      Of::address(key.saddr)};
    }
    char name[IF_NAMESIZE] = "";
    if (traces.device != 0 && ::if_indextoname(traces.device, name) != nullptr) {
      const auto& hop = traces.next_hop;
      all.device = name;
      all.next_hop = hop.nh_family == AF_INET6 ? Address::v6_bytes(&hop.ipv6_nh)
                                               : Address::v4_bytes(&hop.ipv4_nh);
    }
    return all;
  }

  static std::optional<FoundFlow> found(std::optional<Flow> flow) {
    return flow ? std::optional(FoundFlow{Of::common(*flow), Of::address(flow->address)})
                : std::nullopt;
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

  std::optional<FoundService> service(uint32_t id) const {
    const auto laid = id < real_.services.size() ? laid_out(rehearsal_.tables(), id) : std::nullopt;
    for (const auto& [key, number] : service_ids(rehearsal_.tables())) {
      if (number == id && laid) {
        const ipvs::Service& what = laid->entry.service;
        return FoundService{key, what.scheduler, what.prefix};
      }
    }
    return std::nullopt;
  }

  const Tables& real_;
  Rehearsal& rehearsal_;
  const WherePacket& packet_;
  const Device& device_;
  Key key_{};
  std::optional<Flow> known_;
  struct Led {
    lvs_template entry;
    Key key;
  };
  std::optional<Led> template_;
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
